#include "engine/check.h"

#include <algorithm>

#include "base/secrets.h"
#include "engine/check_parts.h"

namespace velo::engine {
namespace {

/// Everything, with the catalog where it can be read.
class Check {
 public:
  Check(const CheckRequest& request, Observer& observer, const Cancellation& cancel)
      : request_(request), observer_(observer), cancel_(cancel), home_(Home::at(request.home)) {}

  CheckReport work() {
    open();
    const Known* known = known_ ? &*known_ : nullptr;
    const auto& runtimes = known != nullptr ? known->runtimes : runtimes_;
    std::size_t running = 0;
    for (const Life& life : known != nullptr ? known->lives : std::vector<Life>{}) {
      running += !life.kept && life.b.branch.wants_running ? 1U : 0U;
    }
    check_system(of(Section::system), request_.version, running);
    check_storage(of(Section::storage), known, home_);
    check_runtimes(of(Section::runtime), runtimes, known);
    check_versions(of(Section::versions), request_, known, cancel_);
    check_groups(of(Section::permissions), runtimes);
    if (known != nullptr) {
      check_state(of(Section::state), *known);
      check_certificates(of(Section::state), *known);
      check_orphans(of(Section::state), *known);
      check_branches(of(Section::branches), *known, cancel_);
      check_archives(of(Section::branches), *known);
      check_schedules(of(Section::branches), *known);
      check_temporaries(of(Section::branches), *known);
    }
    return report();
  }

 private:
  Findings& of(Section section) { return findings_[section]; }

  /// The catalog and all that it leads to; where it cannot be read, why not.
  void open() {
    const bool usable =
        check_home(of(Section::permissions), home_) && check_catalog(of(Section::state), home_);
    if (usable) {
      auto opened = Engine::look({.home = request_.home,
                                  .command = "velo doctor",
                                  .path_variable = request_.path_variable},
                                 observer_, cancel_);
      auto known = opened ? gather(engine_.emplace(std::move(*opened)), cancel_)
                          : Result<Known>(std::unexpected(std::move(opened).error()));
      if (known) {
        known_ = std::move(*known);
        return;
      }
      of(Section::state)
          .failed(Level::error, "state.catalog", home_.database().string(), known.error());
    }
    runtimes_ = ask_runtimes(cancel_);
    of(Section::branches)
        .add(Level::info, "branch.none", {},
             "no branch could be looked at: there is no catalog that can be read");
  }

  CheckReport report() {
    CheckReport report{.version = request_.version, .checked_at = now(), .sections = {}};
    for (const Section section :
         {Section::system, Section::storage, Section::runtime, Section::versions,
          Section::permissions, Section::state, Section::branches}) {
      report.sections.push_back({.section = section, .findings = of(section).take()});
    }
    return report;
  }

  const CheckRequest& request_;
  Observer& observer_;
  const Cancellation& cancel_;
  Home home_;
  std::optional<Engine> engine_;
  std::optional<Known> known_;
  std::map<std::string, RuntimeAnswer> runtimes_;
  std::map<Section, Findings> findings_;
};

}  // namespace

std::string_view name_of(Level level) {
  switch (level) {
    case Level::ok:
      return "ok";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
  }
  return "unknown";
}

std::string_view title_of(Section section) {
  switch (section) {
    case Section::system:
      return "System";
    case Section::storage:
      return "Storage";
    case Section::runtime:
      return "Runtime";
    case Section::versions:
      return "PostgreSQL versions";
    case Section::permissions:
      return "Permissions";
    case Section::state:
      return "State";
    case Section::branches:
      return "Branches";
  }
  return "unknown";
}

void Findings::add(Level level, std::string code, std::string_view subject, std::string_view text,
                   std::string_view hint, Repair repair) {
  findings_.push_back({.code = std::move(code),
                       .level = level,
                       .subject = without_secrets(subject),
                       .text = without_secrets(text),
                       .hint = without_secrets(hint),
                       .repair = std::move(repair)});
}

void Findings::failed(Level level, std::string code, std::string_view subject, const Error& error,
                      Repair repair) {
  add(level, std::move(code), subject, error.message, error.hint, std::move(repair));
}

std::size_t CheckReport::count(Level level) const {
  std::size_t count = 0;
  for (const CheckedSection& section : sections) {
    count += static_cast<std::size_t>(std::ranges::count(section.findings, level, &Finding::level));
  }
  return count;
}

CheckReport check(const CheckRequest& request, Observer& observer, const Cancellation& cancel) {
  return Check(request, observer, cancel).work();
}

std::vector<Finding> check_agreement(Engine& engine) {
  Findings findings;
  const auto known = gather(engine, engine.cancel());
  if (known) {
    check_state(findings, *known);
    check_orphans(findings, *known);
    check_branches(findings, *known, engine.cancel());
    check_archives(findings, *known);
  } else {
    findings.failed(Level::error, "state.catalog", engine.home().database().string(),
                    known.error());
  }
  std::vector<Finding> wrong = findings.take();
  std::erase_if(wrong, [](const Finding& finding) {
    return finding.level == Level::ok || finding.level == Level::info;
  });
  return wrong;
}

}  // namespace velo::engine
