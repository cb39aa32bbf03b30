"""What is searched for: the least noise, the least projection and the region that are proved to contract; MATH (28)."""
