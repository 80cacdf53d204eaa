"""How a deployment is: what each process says of itself, and what the database knows of all of them."""
