"""`python -m meshwright.workers.shop`, the same as `meshwright-shop`."""

from meshwright.workers.shop.process import main

if __name__ == "__main__":
    main()
