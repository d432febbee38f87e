"""Keys and accounts: who may use this installation."""
