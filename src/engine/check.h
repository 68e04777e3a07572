// What is as it should be and what is not: the one checker, for `velo doctor` and for whoever wants
// to know after a crash whether everything still agrees.
//
// It only reads, asks no question without a time limit, and never fails: what cannot be looked at
// is a finding. Texts hold no secrets. What --fix does about a finding stands in it, and is done in
// repair.h.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/time.h"
#include "engine/engine.h"
#include "engine/observer.h"

namespace velo::engine {

enum class Level {
  ok,
  info,     ///< worth knowing, nothing to do
  warning,  ///< works now, and will not for long or not as meant
  error,    ///< does not work, or something is lost
};
/// "ok", "info", "warning", "error"
std::string_view name_of(Level level);

enum class Section { system, storage, runtime, versions, permissions, state, branches };
/// "System", "PostgreSQL versions"…
std::string_view title_of(Section section);

/// What `velo doctor --fix` would do: a line of the table in repair.cpp.
struct Repair {
  enum class Kind {
    none,
    set_mode,           ///< of the path `subject`, to `mode`
    mend,               ///< undoes or finishes interrupted operations
    renew_certificate,  ///< of the project with the id `subject`
    remove_directory,   ///< the run directory `subject`, which is nobody's
    clear_pid_file,     ///< of the branch `subject`, whose server is gone
    start,              ///< the branch `subject`, which should run
    let_velo_in,        ///< puts Velo's lines back into the branch's pg_hba.conf
    open_gate,          ///< of the branch `subject`
    rebuild,            ///< makes the catalog again from the volumes' marks
  };
  Kind kind = Kind::none;
  std::string subject;
  mode_t mode = 0;
};

struct Finding {
  std::string code;  ///< stable, for scripts: "branch.server_down"
  Level level = Level::ok;
  std::string subject;  ///< what it is about: "demo/dev", a path; may be empty
  std::string text;     ///< one line, no full stop
  std::string hint;     ///< what to do or type next; may be empty
  Repair repair;
};

struct CheckedSection {
  Section section = Section::system;
  std::vector<Finding> findings;
};

struct CheckReport {
  std::string version;  ///< of velo
  Timestamp checked_at;
  std::vector<CheckedSection> sections;

  std::size_t count(Level level) const;
  bool healthy() const { return count(Level::error) == 0; }
};

struct CheckRequest {
  std::filesystem::path home;          ///< VELO_HOME
  std::string path_variable;           ///< $PATH, where PostgreSQL builds are looked for
  std::string version;                 ///< of the program
  std::filesystem::path program = {};  ///< see Engine::Options
};

CheckReport check(const CheckRequest& request, Observer& observer, const Cancellation& cancel);

/// Whether the catalog, the volumes, the servers, the ports and the files under VELO_HOME agree:
/// the warnings and errors of State and Branches. Empty: all is well.
std::vector<Finding> check_agreement(Engine& engine);

}  // namespace velo::engine
