"""What a deployment of several processes costs, against others: whole, real ones, with their own database and Redis."""
