#include "bench/report.h"

#include <nlohmann/json.hpp>

#include "bench/statistics.h"

namespace velo::bench {
namespace {

using Json = nlohmann::ordered_json;

std::string millis(double value) {
  return fmt::format("{:.1f}", value);
}

/// A Markdown row.
std::string row(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const std::string& cell : cells) line += fmt::format(" {} |", cell);
  return line + "\n";
}

std::string table_of(const Measured& group) {
  const bool has_ratio = !group.base.empty();
  std::vector<std::string> head{group.unit, "median", "min", "max"};
  std::vector<std::string> rule{"---", "--:", "--:", "--:"};
  if (has_ratio) {
    head.insert(head.end(), {"× " + group.base, "of each round"});
    rule.insert(rule.end(), {"--:", "--:"});
  }
  std::string text = fmt::format("### {}\n\n{}{}", group.title, row(head), row(rule));
  for (const Series& series : group.series) {
    const Summary s = summarize(series.samples);
    std::vector<std::string> cells{series.name, millis(s.median), millis(s.min), millis(s.max)};
    if (has_ratio) {
      const Ratio r = ratio(series.samples, group.series.front().samples);
      cells.push_back(fmt::format("{:.2f}", r.of_medians));
      cells.push_back(fmt::format("{:.2f}–{:.2f}", r.lowest, r.highest));
    }
    text += row(cells);
  }
  for (const std::string& note : group.notes) text += fmt::format("\n{}\n", note);
  return text + "\n";
}

Json of_group(const Measured& group) {
  Json series = Json::array();
  for (const Series& one : group.series) {
    const Summary s = summarize(one.samples);
    Json value{{"name", one.name},
               {"median", s.median},
               {"min", s.min},
               {"max", s.max},
               {"samples", one.samples}};
    if (!group.base.empty()) {
      const Ratio r = ratio(one.samples, group.series.front().samples);
      value["ratio"] = {{"of_medians", r.of_medians}, {"min", r.lowest}, {"max", r.highest}};
    }
    series.push_back(std::move(value));
  }
  return {{"section", group.section},
          {"title", group.title},
          {"unit", group.unit},
          {"ratio_to", group.base.empty() ? Json(nullptr) : Json(group.base)},
          {"series", std::move(series)},
          {"notes", group.notes}};
}

}  // namespace

std::string to_tables(const Facts& machine, const std::vector<Measured>& results,
                      const std::vector<Target>& targets) {
  std::string text = row({"the machine", ""}) + row({"---", "---"});
  for (const auto& [what, value] : machine) text += row({what, value});
  text += "\n";
  for (const Measured& group : results) text += table_of(group);
  if (targets.empty()) return text;
  text +=
      "### Targets\n\n" + row({"", "wanted", "measured", ""}) + row({"---", "---", "---", "---"});
  for (const Target& target : targets) {
    text += row({target.what, target.wanted, target.measured, target.met ? "met" : "missed"});
  }
  return text;
}

std::string to_json(const Facts& machine, const std::vector<Measured>& results,
                    const std::vector<Target>& targets) {
  Json facts = Json::object();
  for (const auto& [what, value] : machine) facts[what] = value;
  Json groups = Json::array();
  for (const Measured& group : results) groups.push_back(of_group(group));
  Json promised = Json::array();
  for (const Target& target : targets) {
    promised.push_back({{"what", target.what},
                        {"wanted", target.wanted},
                        {"measured", target.measured},
                        {"met", target.met}});
  }
  const Json document{{"machine", facts}, {"groups", groups}, {"targets", promised}};
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace velo::bench
