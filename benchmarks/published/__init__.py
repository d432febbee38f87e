"""The comparisons of the pages in docs/: trained in this process, kept run by run, and shown by the report's own code.

python -m benchmarks.published gate-ablation --text timemachine.txt --threads 1
python -m benchmarks.published tables

The first writes docs/results/gate-ablation.csv, with one row for each run; what it already has is not trained again.
The second makes the tables of the pages from these files. A test compares every page with its files.
"""
