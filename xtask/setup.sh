# What `run` and `test` need of the machine. Sourced by both, from the project's root.
# Each function checks first and installs only what is missing: from apt as root or with a sudo that asks nothing,
# otherwise it says what to install and stops.

fail() {
  printf '\n%s\n' "$*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Words that run a command as root; fails where that is not possible without a password.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif have sudo && sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    return 1
  fi
}

# apt_install WHY PACKAGE…
apt_install() {
  local why=$1
  shift
  local by_hand="$why Install it, on Debian or Ubuntu with: sudo apt-get install $*"
  have apt-get || fail "$by_hand"
  echo "setup: installing $*"
  export DEBIAN_FRONTEND=noninteractive
  # The list of packages is often missing or old on a fresh machine; try what is there first.
  as_root apt-get install -y -q --no-install-recommends "$@" >/dev/null 2>&1 && return
  as_root apt-get update -q >/dev/null 2>&1 || true
  as_root apt-get install -y -q --no-install-recommends "$@" >/dev/null || fail "$by_hand"
}

# version_at_least WANTED FOUND
version_at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

setup_rust() {
  if ! have cargo && [ -x "$HOME/.cargo/bin/cargo" ]; then
    export PATH="$HOME/.cargo/bin:$PATH"
  fi
  local wanted
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  have cargo || fail "There is no Rust. Install it as https://rustup.rs says (version $wanted or newer), then try again."
  local found
  found=$(rustc --version | cut -d ' ' -f 2)
  version_at_least "$wanted" "$found" || fail "Rust $found is too old: $wanted is needed. With rustup: rustup update stable"
  # SQLite is compiled from its C source.
  have cc || apt_install "There is no C compiler." gcc libc6-dev
}

setup_node() {
  have node && have npm || apt_install "There is no Node.js (for wasm-opt and the browser tests)." nodejs npm
  local found
  found=$(node --version)
  version_at_least 20 "${found#v}" || fail "Node.js $found is too old: 20 is needed. See https://nodejs.org"
}

# Sets UNISONO_CHROMIUM to a browser of the machine; none is ever downloaded by a test tool.
setup_browser() {
  local name
  for name in "${UNISONO_CHROMIUM:-}" chromium chromium-browser google-chrome; do
    if [ -n "$name" ] && have "$name"; then
      UNISONO_CHROMIUM=$(command -v "$name")
      export UNISONO_CHROMIUM
      return
    fi
  done
  apt_install "There is no Chromium (for the browser tests)." chromium
  UNISONO_CHROMIUM=$(command -v chromium)
  export UNISONO_CHROMIUM
}

# Other people's programs that look at what is rendered. Tests without them are skipped, in capitals, and fail with CI=true.
setup_strangers() {
  local name
  for name in ffmpeg flac ogginfo opusinfo unzip; do
    have "$name" || break
  done
  have "$name" && return
  (apt_install "Programs that check rendered files are missing." ffmpeg flac opus-tools unzip vorbis-tools) ||
    echo "setup: TESTS OF RENDERED FILES BY OTHER PROGRAMS WILL BE SKIPPED"
}

# What makes the tables of theory again. Without it that step is skipped, in capitals, and fails with CI=true.
setup_theory() {
  local python
  for python in python3 /usr/bin/python3; do
    "$python" -c 'import numpy' 2>/dev/null && return
  done
  (apt_install "Python with numpy, which makes the tables of theory again, is missing." python3-numpy) ||
    echo "setup: THE TABLES OF THEORY WILL NOT BE MADE AGAIN"
}
