#include "cli/render_doctor.h"

#include <algorithm>

#include "cli/render.h"

namespace velo::cli {
namespace {

using engine::CheckReport;
using engine::Finding;
using engine::Level;

std::string mark_of(Level level, const Look& look) {
  switch (level) {
    case Level::ok:
      return paint("✓", Colour::green, look);
    case Level::info:
      return paint("ℹ", Colour::cyan, look);
    case Level::warning:
      return paint("⚠", Colour::yellow, look);
    case Level::error:
      return paint("✗", Colour::red, look);
  }
  return "?";
}

std::string line_of(const Finding& finding, const Look& look) {
  std::string text = fmt::format("  {} {}\n", mark_of(finding.level, look), finding.text);
  if (!finding.hint.empty() && finding.level != Level::ok) {
    text += paint(fmt::format("    → {}", finding.hint), Colour::dim, look) + "\n";
  }
  return text;
}

bool is_trouble(const Finding& finding) {
  return finding.level == Level::warning || finding.level == Level::error;
}

std::string summary_of(const CheckReport& report, const Look& look) {
  const std::size_t errors = report.count(Level::error);
  const std::size_t warnings = report.count(Level::warning);
  if (errors == 0 && warnings == 0) {
    return paint(fmt::format("All is well: {}", counted(report.count(Level::ok),
                                                        "thing is as it "
                                                        "should be",
                                                        "things are as they should be")),
                 Colour::green, look) +
           "\n";
  }
  const bool fixable = std::ranges::any_of(report.sections, [](const auto& section) {
    return std::ranges::any_of(section.findings, [](const Finding& finding) {
      return is_trouble(finding) && finding.repair.kind != engine::Repair::Kind::none;
    });
  });
  return paint(fmt::format("{}, {}", counted(errors, "error", "errors"),
                           counted(warnings, "warning", "warnings")),
               errors > 0 ? Colour::red : Colour::yellow, look) +
         (fixable ? "; velo doctor --fix repairs what is safe to repair\n" : "\n");
}

}  // namespace

std::string render_check(const CheckReport& report, bool quiet, const Look& look) {
  std::string text;
  for (const engine::CheckedSection& section : report.sections) {
    std::string lines;
    for (const Finding& finding : section.findings) {
      if (!quiet || is_trouble(finding)) lines += line_of(finding, look);
    }
    if (lines.empty()) continue;
    text += paint(engine::title_of(section.section), Colour::bold, look) + "\n" + lines + "\n";
  }
  return text + summary_of(report, look);
}

std::string render_repairs(const engine::RepairReport& report, bool quiet, const Look& look) {
  std::string text = paint("Repaired", Colour::bold, look) + "\n";
  if (report.repaired.empty()) text += "  nothing: there was nothing that is safe to repair\n";
  for (const engine::Repaired& one : report.repaired) {
    if (!one.error) {
      text += fmt::format("  {} {}\n", mark_of(Level::ok, look), one.text);
      continue;
    }
    text +=
        fmt::format("  {} not {}: {}\n", mark_of(Level::error, look), one.text, one.error->message);
    if (!one.error->hint.empty()) {
      text += paint(fmt::format("    → {}", one.error->hint), Colour::dim, look) + "\n";
    }
  }
  return text + "\n" + render_check(report.after, quiet, look);
}

}  // namespace velo::cli
