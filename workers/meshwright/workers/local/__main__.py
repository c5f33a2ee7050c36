"""`python -m meshwright.workers.local`, the same as `meshwright-local`."""

from meshwright.workers.local import main

if __name__ == "__main__":
    main()
