"""Registry of students and teachers."""
