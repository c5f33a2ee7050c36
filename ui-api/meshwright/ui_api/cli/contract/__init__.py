"""What the command line knows of the contract without a server: the fields of documents, and their problems."""
