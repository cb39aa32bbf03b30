"""The operator algebra: words in M_n, N_n, P_n, Q_n, their normal form, and the derivation of MATH (10)-(13)."""
