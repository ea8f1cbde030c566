"""How long the dashboard's pages take in a real browser, over a store as large as one team fills in a year."""
