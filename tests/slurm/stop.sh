#!/usr/bin/env bash
# End what start.sh FOLDER started, and the jobs that still run.
set -u
folder="$(realpath "$1")"
SLURM_CONF="$folder/slurm.conf" scancel --me --signal=KILL 2>/dev/null
SLURM_CONF="$folder/slurm.conf" scancel --me 2>/dev/null
sleep 1
for file in "$folder"/slurmd-n?.pid "$folder"/slurmctld.pid "$folder"/munged.pid; do
    [ -f "$file" ] && kill "$(cat "$file")"
done
sleep 1
exit 0
