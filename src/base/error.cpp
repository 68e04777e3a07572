#include "base/error.h"

#include <array>
#include <cerrno>
#include <system_error>

namespace velo {
namespace {

struct Kind {
  Errc code;
  std::string_view name;
  int exit_code;
};

// The one table of error kinds; docs/errors.md is checked against it.
constexpr std::array kinds{
    Kind{Errc::failed, "failed", 1},
    Kind{Errc::usage, "usage", 2},
    Kind{Errc::invalid_name, "invalid_name", 2},
    Kind{Errc::not_found, "not_found", 3},
    Kind{Errc::already_exists, "already_exists", 4},
    Kind{Errc::in_use, "in_use", 4},
    Kind{Errc::has_children, "has_children", 4},
    Kind{Errc::protected_branch, "protected_branch", 2},
    Kind{Errc::no_space, "no_space", 1},
    Kind{Errc::permission, "permission", 1},
    Kind{Errc::unsupported, "unsupported", 1},
    Kind{Errc::corrupt, "corrupt", 1},
    Kind{Errc::storage, "storage", 1},
    Kind{Errc::server, "server", 1},
    Kind{Errc::state, "state", 1},
    Kind{Errc::interrupted, "interrupted", 130},
};

const Kind& kind_of(Errc code) {
  for (const Kind& kind : kinds) {
    if (kind.code == code) return kind;
  }
  return kinds.front();
}

}  // namespace

std::string_view name_of(Errc code) {
  return kind_of(code).name;
}

int exit_code_of(Errc code) {
  return kind_of(code).exit_code;
}

std::unexpected<Error> fail_errno(int err, std::string_view doing) {
  Error error{.code = Errc::failed,
              .message = fmt::format("cannot {}: {}", doing, std::generic_category().message(err)),
              .hint = {},
              .detail = {}};
  switch (err) {
    case ENOSPC:
    case EDQUOT:
      error.code = Errc::no_space;
      error.hint = "free some room there (velo status shows the pools), then try again";
      break;
    case EROFS:
      error.code = Errc::permission;
      error.hint = "the file system is mounted read-only; see dmesg for why, then remount it";
      break;
    case EACCES:
    case EPERM:
      error.code = Errc::permission;
      break;
    case EMFILE:
    case ENFILE:
      error.hint = "more open files must be allowed: ulimit -n 1024, then try again";
      break;
    case ENOMEM:
      error.hint = "free some memory, or allow this process more (ulimit -v), then try again";
      break;
    case ENOENT:
      error.code = Errc::not_found;
      break;
    default:
      break;
  }
  return std::unexpected(std::move(error));
}

}  // namespace velo
