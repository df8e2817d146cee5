#!/usr/bin/env bash
# nvad, nved and nvoctl on the bench that other systems are measured on: r4lab.py run --peer tests/lab/peer.sh[:VARIANTS]
# One nvad in the control node, its records on disk; an nved in each host. The bench's README says what each verb must do.
# variants, joined by commas:
#   v4         edges have IPv4 locators only (else both families, and IPv6 is what they tunnel over)
#   tap        nved makes and owns the VM's tap (else it shares the hypervisor's by a packet socket)
#   late       the edge hears of the stop when it is over, with its time
#   silent-hv  the hypervisor does not say that the VM runs; the VM's own announcement does
# NVO3_BIN: where the three programs are, else target/release of this tree.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=${NVO3_BIN:-$here/../../target/release}
run=$R4_RUN/nvo3
vm=(--vni "$R4_VNI" --mac "$R4_VM_MAC")

variant() { [[ ",${R4_VARIANT:-}," == *",$1,"* ]]; }
namespace() { local name=R4_NS_$1; echo "${!name}"; }
ctl() {
    local daemon=$1
    shift
    "$bin/nvoctl" --socket "$run/$daemon.sock" "$@"
}

locators() {
    echo "10.99.0.$1"
    variant v4 || echo "fd99::$1"
}

# Starts a program in a namespace; what it logs and its pid are kept.
start() {
    local name=$1 where=$2
    shift 2
    ip netns exec "$where" "$@" >>"$run/$name.log" 2>&1 &
    echo $! >"$run/$name.pid"
}

wait_for() {
    for _ in $(seq 500); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.02
    done
    echo "waited in vain for: $*" >&2
    tail -n 5 "$run"/*.log >&2
    return 1
}

connected() { ctl "$1" --json status | grep -Eq '"connected": *true'; }

up() {
    rm -rf "$run"
    mkdir -p "$run"
    mkfifo "$run/late"
    local known=() flags n kind=packet address
    for n in 1 2 3; do
        known+=(--nve "$n=$(locators "$n" | paste -sd,)")
        "$bin/nvoctl" make-key --nve "$n" "$run/nvad.keys" "$run/h$n.keys"
    done
    start nvad "$(namespace C)" "$bin/nvad" --listen 10.99.0.100 --listen fd99::100 --data "$run/data" "${known[@]}" \
        --keys "$run/nvad.keys" --socket "$run/nvad.sock"

    if variant tap; then kind=tap; fi
    local port="vm0,vni=$R4_VNI,kind=$kind,mac=$R4_VM_MAC,ip=$R4_VM_IP4,ip=$R4_VM_IP6"
    local ports=("$port,active" "$port" "cp0,vni=$R4_VNI,mac=$R4_CP_MAC,ip=$R4_CP_IP4,ip=$R4_CP_IP6,active")
    for n in 1 2 3; do
        flags=(--id "$n" --nva 10.99.0.100 --port "${ports[n - 1]}" --keys "$run/h$n.keys" --socket "$run/h$n.sock")
        for address in $(locators "$n"); do flags+=(--locator "$address"); done
        start "h$n" "$(namespace "H$n")" "$bin/nved" "${flags[@]}"
    done
    for n in 1 2 3; do wait_for connected "h$n"; done
    for n in 1 2; do
        # The host's own stack stays out of the tenant's frames.
        ip netns exec "$(namespace "H$n")" sysctl -qw net.ipv6.conf.vm0.disable_ipv6=1
        ip -n "$(namespace "H$n")" link set vm0 arp off up
    done
}

prepare() {
    local number=1
    if [ -f "$run/move" ]; then number=$(($(<"$run/move") + 1)); fi
    echo "$number" >"$run/move"
    ctl nvad prepare "${vm[@]}" --to "$2" --move "$number"
}

# The move has ended; anything but committed ends the bench.
post() {
    ctl nvad outcome "$(<"$run/move")"
    local n
    for n in 1 2 3; do ctl "h$n" --json show counters >"$run/h$n.$(<"$run/move").json"; done
}

# One that has ended may wait for long to be reaped.
runs() { [ -d "/proc/$1" ] && [[ $(<"/proc/$1/stat") != *") Z "* ]]; } 2>/dev/null

down() {
    local file pid
    for file in "$run"/*.pid; do
        [ -f "$file" ] || continue
        pid=$(<"$file")
        rm -f "$file"
        if ! runs "$pid"; then
            echo "$file: ended before it was asked to" >&2
            continue
        fi
        kill "$pid"
        for _ in $(seq 150); do
            if ! runs "$pid"; then continue 2; fi
            sleep 0.02
        done
        echo "$file: does not end when asked to" >&2
        kill -9 "$pid"
    done
}

# The late word comes before the next one, as from an orchestrator that waits for answers.
late_word() {
    ctl "h$1" suspend "${vm[@]}" --move "$(<"$run/move")" --stopped-at "$2" || true
    echo >"$run/late"
}

case "$1" in
portmode) if variant tap; then echo pkt; fi ;;
up) up ;;
ready) for n in 1 2 3; do connected "h$n"; done ;;
prepare) prepare "$2" "$3" ;;
pausing) if ! variant late; then ctl "h$2" suspend "${vm[@]}" --move "$(<"$run/move")"; fi ;;
paused) if variant late; then late_word "$2" "$4"; fi ;;
resumed)
    if variant late; then read -r <"$run/late"; fi
    if ! variant silent-hv; then ctl "h$3" activate "${vm[@]}" --move "$(<"$run/move")"; fi
    ;;
post) post ;;
ctlfilter) echo "udp port 61635" ;;
down) down ;;
esac
