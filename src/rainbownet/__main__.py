"""The command `rainbownet`, also as `python -m rainbownet`, and under torchrun with `-m rainbownet`."""


def main() -> None:
    """Run the command line and leave with its exit status: 0, or 2 for input that cannot be used."""
    from rainbownet.cli import main as run

    run()


if __name__ == "__main__":
    main()
