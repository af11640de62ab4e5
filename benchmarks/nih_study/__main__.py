"""python -m benchmarks.nih_study: see `benchmarks.nih_study.commands`."""

from benchmarks.nih_study.commands import main

if __name__ == "__main__":
    main()
