#!/usr/bin/env bash
# A Slurm cluster of two nodes on this machine: tests/slurm/start.sh FOLDER (Debian: slurm-wlm and munge; no root).
# Everything lies in FOLDER; SLURM_CONF=FOLDER/slurm.conf makes squeue, sbatch and the others talk to it.
set -euo pipefail
folder="$(realpath "$1")"
host="$(hostname -s)"
read -r controller first second < <(python3 - <<'PORTS'
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(held.getsockname()[1] for held in sockets))
PORTS
)

umask 022
mkdir -p "$folder"/{state,munge}
chmod 755 "$folder" "$folder/munge"
head -c 1024 /dev/urandom >"$folder/munge/key"
chmod 400 "$folder/munge/key"

cat >"$folder/slurm.conf" <<CONF
ClusterName=two
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$controller
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool-%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd-%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=2
MailProg=/bin/true
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$first CPUs=1 RealMemory=16000
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$second CPUs=1 RealMemory=16000
PartitionName=main Nodes=n1,n2 Default=YES State=UP
CONF

# munged wants --force for folders that others may write above it, such as the temporary one.
munged --force --socket="$folder/munge/socket" --key-file="$folder/munge/key" --pid-file="$folder/munged.pid" \
    --log-file="$folder/munge/log" --seed-file="$folder/munge/seed"
export SLURM_CONF="$folder/slurm.conf"
slurmctld
slurmd -N n1
slurmd -N n2
for _ in $(seq 100); do
    [ "$(sinfo --noheader --format=%D --states=idle)" = 2 ] && exit 0
    sleep 0.2
done
cat "$folder"/*.log >&2
exit 1
