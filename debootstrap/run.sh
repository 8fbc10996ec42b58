# One run of a script: what it has to undo, the namespaces it works in, and
# what earlier runs that were killed have left behind. Sourced after common.sh.
# shellcheck shell=bash
#
# A run has a directory below RUNS. A lock on it lives as long as any process
# of the run, and the file "cleanup" in it has the commands of CLEANUP. Every
# command is noted before the thing it undoes is made, so it must not mind when
# there is nothing to undo. An heir waits for the lock and carries them out if
# the run was killed; if both were, the next run does.

RUNS=/run/ganeti-instance-debootstrap

# start_run cleans up after dead runs and makes the directory of this one, RUN.
start_run() {
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  mkdir -p "$RUNS"
  local all
  exec {all}>"$RUNS/.lock"
  flock --timeout 300 "$all" || fail "Another run has been cleaning up for 5 minutes"
  undo_dead_runs
  RUN=$RUNS/$BASHPID-$SRANDOM
  # Whatever ends this run from here on, it or the heir removes its directory.
  CLEANUP=("remove_run $RUN ")
  setsid ./heir "${RUN##*/}" </dev/null >/dev/null 2>&1 &
  mkdir "$RUN"
  exec {run_lock}<"$RUN"
  flock "$run_lock"
  printf '%s\n' "${CLEANUP[0]}" >"$RUN/cleanup"
  exec {all}>&-
}

# push COMMAND...: run it at the end, before all that was pushed earlier.
push() {
  local line
  printf -v line '%q ' "$@"
  printf '%s\n' "$line" >>"$RUN/cleanup"
  CLEANUP+=("$line")
}

# finish ends a run that went well; it did not when it cannot be undone.
finish() {
  trap - EXIT
  cleanup || exit 1
  exit 0
}

remove_run() {
  [ -d "$1" ] || return 0
  if [ -d "$1/target" ]; then
    rmdir "$1/target" || return
  fi
  rm -f "$1/cleanup" "$1"/loop*
  rmdir "$1"
}

undo_dead_runs() {
  local run
  for run in "$RUNS"/*/; do
    run=${run%/}
    [ -d "$run" ] || continue
    (
      exec {lock}<"$run"
      flock --nonblock "$lock" || exit 0 # it lives
      log_error "Cleaning up after a run that was killed: ${run##*/}"
      CLEANUP=()
      [ ! -e "$run/cleanup" ] || mapfile -t CLEANUP <"$run/cleanup"
      [ ${#CLEANUP[@]} -gt 0 ] || CLEANUP=("remove_run $run")
      undo=("${CLEANUP[@]}")
      # What cannot be undone now the next run tries once more.
      cleanup || { mkdir -p "$run" && printf '%s\n' "${undo[@]}" >"$run/cleanup"; }
    )
  done
}

# confined COMMAND...: run it with mounts of its own and as the root of a tree
# of processes that ends with it, and with this script, however that ends. Its
# mounts are gone then too, so it needs no undoing.
confined() {
  push end_confined
  setpriv --pdeathsig KILL \
    unshare --mount --propagation slave --pid --fork --kill-child --mount-proc \
    "$@" <&0 &
  CONFINED=$!
  local status=0
  wait "$CONFINED" || status=$?
  CONFINED=
  return "$status"
}

# end_confined returns when nothing runs in the namespaces any more: unshare
# waits for its child, and the kernel lets go of that one last.
end_confined() {
  [ -n "$CONFINED" ] || return 0
  local child
  child=$(cat "/proc/$CONFINED/task/$CONFINED/children" 2>/dev/null) || true
  # shellcheck disable=SC2086 # no child yet: no word
  kill -KILL ${child:-$CONFINED} 2>/dev/null || true
  wait "$CONFINED" || true
  CONFINED=
}
