"""What the pages and the offline report both show: terms, numbers in words, figures, and what figures are drawn from."""
