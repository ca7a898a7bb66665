#!/usr/bin/env bash
# Build the environment in which the pinned peers run:  docs/benchmarks/peers/build.sh FOLDER
set -euo pipefail
folder=${1:?name the folder to build the environment in}
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet -r "$(dirname "$0")/requirements.txt"
echo "give the benchmarks  --peers-python $folder/bin/python"
