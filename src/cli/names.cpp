#include "cli/names.h"

namespace velo::cli {

Completer complete_projects() {
  return [](Names& names) { return names.projects(); };
}

Completer complete_branches() {
  return [](Names& names) { return names.branches(); };
}

Completer complete_copies() {
  return [](Names& names) {
    std::vector<std::string> branches = names.branches();
    std::erase_if(branches, [](const std::string& name) { return name.ends_with("/main"); });
    return branches;
  };
}

Completer complete_parents() {
  return [](Names& names) {
    std::vector<std::string> parents = names.projects();
    for (std::string& branch : names.branches()) parents.push_back(std::move(branch));
    return parents;
  };
}

Completer complete_new_branch() {
  return [](Names& names) {
    std::vector<std::string> beginnings = names.projects();
    for (std::string& name : beginnings) name += '/';
    return beginnings;
  };
}

Completer complete_kept_branches() {
  return [](Names& names) { return names.kept_branches(); };
}

Completer complete_kept_projects() {
  return [](Names& names) { return names.kept_projects(); };
}

Completer complete_snapshots() {
  return [](Names& names) { return names.snapshots(); };
}

Completer complete_config_keys() {
  return [](Names& names) { return names.config_keys(); };
}

Completer complete_words(std::vector<std::string> words) {
  return [words = std::move(words)](Names&) { return words; };
}

}  // namespace velo::cli
