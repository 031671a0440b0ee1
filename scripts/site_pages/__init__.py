"""Pages of the documentation that are made of the code and of result files while the site is built."""
