import benchmarks.matrix
from benchmarks import harness

if __name__ == "__main__":
    harness.run(benchmarks.matrix)
