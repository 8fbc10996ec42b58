# The hooks of the site. Sourced after common.sh.
# shellcheck shell=bash

# run_hooks: run-parts goes on after a hook that failed, and fails at the end.
run_hooks() {
  if command -v run-parts >/dev/null && [ -d "$CUSTOMIZE_DIR" ]; then
    run-parts "$CUSTOMIZE_DIR"
  fi
}
