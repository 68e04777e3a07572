// What goes wrong, in one shape: a stable kind, what happened and why, and what to type next.
#pragma once

#include <fmt/format.h>

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace velo {

/// Why something failed. Each has a stable name (shown in --json) and an exit code; the table is in
/// error.cpp and in docs/errors.md.
enum class Errc {
  failed,            ///< none of the others: an unforeseen failure
  usage,             ///< words or values on the command line that cannot be meant
  invalid_name,      ///< a project or branch name outside the rules
  not_found,         ///< a project, branch, version, operation… that does not exist
  already_exists,    ///< a name that is taken
  in_use,            ///< a port, a lock or a thing that something else holds
  has_children,      ///< a branch that others were cloned from
  protected_branch,  ///< main, where main cannot be meant
  no_space,          ///< the pool or the home is full, or below the guard
  permission,        ///< the file system or the server said no
  unsupported,       ///< this machine, file system or server cannot do that
  corrupt,           ///< an archived file is not what was once put there
  storage,           ///< the driver could not make, clone or delete a volume
  server,            ///< a PostgreSQL server did not start, stop or answer
  state,             ///< the catalog is damaged or newer than this program
  interrupted,       ///< SIGINT or SIGTERM; everything was undone
};

/// The stable name of a kind, e.g. "not_found".
std::string_view name_of(Errc code);
/// 0 is never returned. 1 failed, 2 wrong usage, 3 not found, 4 already exists or in use, 130/143
/// by a signal (`interrupted` gives 130; the CLI knows which signal it was).
int exit_code_of(Errc code);

struct Error {
  Errc code = Errc::failed;
  std::string message;  ///< what happened and why, one line, no full stop at the end
  std::string hint;     ///< what to do or type next; may be empty
  std::string detail;   ///< more lines, e.g. the end of a server's log; may be empty
};

template <class T>
using Result = std::expected<T, Error>;

/// A failure to return: `return fail(Errc::not_found, "project {} does not exist", name);`
template <class... Args>
std::unexpected<Error> fail(Errc code, fmt::format_string<Args...> text, Args&&... args) {
  return std::unexpected(Error{code, fmt::format(text, std::forward<Args>(args)...), {}, {}});
}

/// The same with a hint.
inline std::unexpected<Error> fail_with_hint(Errc code, std::string message, std::string hint) {
  return std::unexpected(Error{code, std::move(message), std::move(hint), {}});
}

/// A failed system call: "cannot <doing>: <strerror(err)>". ENOSPC, EDQUOT, EROFS, EACCES, EPERM
/// and ENOENT get the kind and the hint they deserve.
std::unexpected<Error> fail_errno(int err, std::string_view doing);

}  // namespace velo

// NOLINTBEGIN(bugprone-macro-parentheses): a declared name takes no parentheses
/// The value of a Result, or return its error from the enclosing function (which returns a Result).
#define TRY(expression) VELO_TRY_AS(VELO_TRY_NAME(velo_try_, __COUNTER__), expression)
#define VELO_TRY_NAME(prefix, number) VELO_TRY_NAME_EXPANDED(prefix, number)
#define VELO_TRY_NAME_EXPANDED(prefix, number) prefix##number
#define VELO_TRY_AS(name, expression)                           \
  ({                                                            \
    auto name = (expression);                                   \
    if (!name) return std::unexpected(std::move(name).error()); \
    std::move(name).value();                                    \
  })
// NOLINTEND(bugprone-macro-parentheses)
