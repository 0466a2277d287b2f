# What the scripts of this folder share: words on the terminal, and the build. Sourced, not run.

say() {
  printf '\n== %s\n' "$*"
}

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# Runs a command with its output in a log file; shows the end of the log only if it fails.
quietly() {
  local log=$1
  shift
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 60 "$log" >&2
    fail "this failed: $* (whole log: $log)"
  fi
}

# build_into FOLDER [CMAKE OPTION]...: configures and builds, and shows what was configured.
build_into() {
  local folder=$1
  shift
  mkdir -p "$folder"
  say "Building into $folder/"
  quietly "$folder/configure.log" cmake -S . -B "$folder" "$@"
  sed -n '/^-- diva [0-9]/,/^--   tests:/s/^-- //p' "$folder/configure.log"
  quietly "$folder/build.log" cmake --build "$folder" --parallel "$(nproc)"
}

# run_tests FOLDER: every test of a build; its last line counts them. Fails on any failure, and if
# not one test really ran.
run_tests() {
  local folder=$1 status=0 counts
  say "Testing $folder/"
  ctest --test-dir "$folder" --parallel "$(nproc)" --no-tests=error --output-on-failure \
    --output-junit "$PWD/$folder/tests.xml" || status=$?
  [ -f "$folder/tests.xml" ] || fail "no test ran in $folder/"
  counts=$(awk -v RS='<' '
    function attribute(name) {
      return match($0, "[ \t]" name "=\"[0-9]+\"") ? substr($0, RSTART + length(name) + 3) + 0 : 0
    }
    /^testsuite/ {
      failed = attribute("failures")
      skipped = attribute("skipped") + attribute("disabled")
      print attribute("tests") - failed - skipped, failed, skipped
      exit
    }' "$folder/tests.xml")
  # shellcheck disable=SC2086  # three numbers, to be split
  set -- $counts
  printf '%d passed, %d failed, %d skipped\n' "$1" "$2" "$3"
  [ "$status" -eq 0 ] || return "$status"
  [ "$1" -gt 0 ] || fail "no test ran in $folder/"
}
