"""What offbeat is and needs; constraints.txt pins what the tests run with, pyproject.toml sets up the tools."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

# pandas below 3, as Spark 4 wants it.
BASE = ["numpy>=1.26", "pandas>=2.2,<3", "pyarrow>=18", "pydantic>=2.7", "PyYAML>=6", "rich>=13"]

# Spark is not in the base: a cluster has its own, and a second one from here would stand before it on sys.path.
#     pip install 'offbeat[cluster]'          beside the Spark, and the JARs of Delta, that a cluster has
#     pip install 'offbeat[local,reports]'    on a laptop: all that `offbeat run` needs
SPARK = ["pyspark>=4.0,<4.3", "delta-spark>=4.0,<4.5"]  # the range meant to work
CONNECT = [  # what pyspark[connect] needs besides pyspark, which may be the cluster's own
    "googleapis-common-protos>=1.65",
    "grpcio>=1.67",
    "grpcio-status>=1.67",
    "zstandard>=0.23",
]
TENSORFLOW = [
    # Where a GPU build or a machine-learning runtime brings TensorFlow, install offbeat without this extra.
    "tensorflow-cpu>=2.18; sys_platform == 'linux'",
    "tensorflow>=2.18; sys_platform != 'linux'",
    "keras>=3.8",
]
TABULAR = [
    "scikit-learn>=1.5",
    "threadpoolctl>=3",
]  # fits the classical models; scoring with them needs NumPy alone
MINING = ["drain3>=0.9.11"]  # templates of raw lines; matching them needs none of it
TUNING = ["optuna>=4"]
STATISTICS = ["scipy>=1.11", "statsmodels>=0.14"]  # the pack curriculum: tests, bands, seasons
PAGES = ["Jinja2>=3.1", "vl-convert-python>=1.6"]
FORM = [*PAGES, "fastapi>=0.115", "python-multipart>=0.0.18", "uvicorn>=0.30"]
BROWSER = ["axe-playwright-python>=0.1.4", "playwright>=1.50"]  # drives a Chromium that the machine has
SITE = ["mkdocs>=1.6,<2", "mkdocs-material>=9.5,<10", "mkdocstrings[python]>=0.27"]  # docs/ as pages
READERS = ["deltalake>=1.0", "duckdb>=1.2", "polars>=1.20"]  # of Delta tables, without Spark

EXTRAS = {
    "cluster": [*TENSORFLOW, *TABULAR, *MINING, *TUNING, *STATISTICS],
    "local": [*SPARK, *TENSORFLOW, *TABULAR, *MINING, *TUNING, *STATISTICS],
    "connect": CONNECT,
    "train": [*TENSORFLOW, *TABULAR, *MINING, *TUNING],
    "reports": PAGES,
    "serve": FORM,
    "bench": [*READERS, "psutil>=5.9"],
    "mlflow": ["mlflow-skinny>=3"],  # not beside drain3, which wants an older cachetools
    "peers": ["torch>=2.4"],  # for `make bench`; drags CUDA along, so never in set-up or CI
    "test": [
        *READERS,
        *BROWSER,
        *CONNECT,
        "httpx2>=2",
        "hypothesis>=6.100",
        "ipykernel>=6",
        "nbclient>=0.10",
        "pytest>=8",
        "pytest-timeout>=2.3",
        "pytest-xdist>=3.6",
    ],
    "docs": SITE,
    "dev": ["import-linter>=2.1", "mypy>=1.14", "pandas-stubs<3", "pex>=2.30", "ruff>=0.9", "types-PyYAML"],
}

SHIPPED = [
    "py.typed",
    *(f"**/*.{kind}" for kind in ("css", "html", "j2", "js", "json", "properties", "yaml")),
]
VERBS = sorted(path.stem for path in HERE.glob("jobs/[!_]*.py"))

setup(
    name="offbeat",
    version="0.1.0",
    description="Finds the sessions, and the events inside them, that are out of sequence",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10",
    package_dir={"": "lib", "offbeat.jobs": "jobs"},
    packages=[*find_packages("lib"), "offbeat.jobs"],
    package_data={"": SHIPPED},
    install_requires=BASE,
    extras_require=EXTRAS,
    entry_points={
        "console_scripts": ["offbeat = offbeat.cli:cli"],
        # Databricks' python_wheel_task finds an entry point by its name, in any group; this one puts no scripts
        # called `train` or `run` on PATH.
        "packages": [f"{verb} = offbeat.jobs.{verb}:cli" for verb in VERBS],
    },
)
