"""What we are made of: `make audit` judges it, `make sbom` lists it."""
