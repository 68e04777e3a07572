#include "support/doctor.h"

#include <algorithm>

namespace velo::test {
namespace {

std::string text_or_empty(const Json& json, const std::string& pointer) {
  return json.is_null(pointer) ? "" : json.text(pointer);
}

bool is_about_this_machine(const Line& line) {
  return line.code.starts_with("system.") || line.code == "storage.space" ||
         line.code == "storage.home";
}

}  // namespace

Line Examination::line(std::string_view code) const {
  const auto found = std::ranges::find(lines, code, &Line::code);
  if (found != lines.end()) return *found;
  ADD_FAILURE() << "no line " << code << " in\n" << ran.all();
  return {};
}

bool Examination::has(std::string_view code) const {
  return std::ranges::count(lines, code, &Line::code) > 0;
}

std::vector<std::string> Examination::troubles() const {
  std::vector<std::string> all;
  for (const Line& line : lines) {
    if ((line.level == "warning" || line.level == "error") && !is_about_this_machine(line)) {
      all.push_back(line.code + ": " + line.text);
    }
  }
  return all;
}

void expect_nothing_called_lost(const Examination& found) {
  for (const Line& line : found.lines) {
    for (const char* words :
         {"branch reset", "project delete", "snapshot delete", "are gone", "is gone", "had back"}) {
      EXPECT_EQ((line.text + " " + line.hint).find(words), std::string::npos)
          << line.code << ": " << line.text << "\n"
          << line.hint;
    }
  }
}

Examination doctor(const Velo& velo, const std::vector<std::string>& more) {
  std::vector<std::string> arguments{"doctor", "--json"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  Examination found{.ran = velo.run(arguments), .lines = {}, .repaired = {}, .not_repaired = {}};
  const Json json = Json::parse(found.ran.out);
  bool wrong = false;
  for (std::size_t s = 0; s < json.size("/sections"); ++s) {
    const std::string section = "/sections/" + std::to_string(s) + "/findings";
    for (std::size_t f = 0; f < json.size(section); ++f) {
      const std::string at = section + "/" + std::to_string(f);
      found.lines.push_back({.level = json.text(at + "/level"),
                             .code = json.text(at + "/code"),
                             .subject = text_or_empty(json, at + "/subject"),
                             .text = json.text(at + "/text"),
                             .hint = text_or_empty(json, at + "/hint"),
                             .fixable = json.truth(at + "/fixable")});
      wrong = wrong || found.lines.back().level == "error";
    }
  }
  for (std::size_t r = 0; r < json.size("/repaired"); ++r) {
    const std::string at = "/repaired/" + std::to_string(r);
    auto& list = json.is_null(at + "/error") ? found.repaired : found.not_repaired;
    list.push_back(json.text(at + "/text"));
  }
  EXPECT_EQ(found.ran.exit_status, wrong ? 1 : 0) << found.ran.all();
  EXPECT_EQ(json.truth("/healthy"), !wrong);
  return found;
}

}  // namespace velo::test
