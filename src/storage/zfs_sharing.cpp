#include "storage/zfs_sharing.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/crypto.h"
#include "base/os_user.h"
#include "base/size.h"
#include "base/text.h"
#include "storage/zfs_command.h"
#include "storage/zfs_file_pool.h"
#include "storage/zfs_layout.h"
#include "storage/zfs_place.h"

namespace velo::storage::zfs {
namespace {

constexpr auto act_pool = "pool";
constexpr auto act_datasets = "datasets";
constexpr auto act_rights = "rights";

const std::string& arg(const ActArgs& args, const std::string& key) {
  static const std::string none;
  const auto found = args.find(key);
  return found == args.end() ? none : found->second;
}

std::string with_commas(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, ","));
}

/// Whether it exists; an error is one that does not answer that.
Result<bool> exists(const std::string& dataset) {
  const auto listed = zfs({"list", "-H", "-o", "name", dataset});
  if (listed) return true;
  if (listed.error().code == Errc::not_found) return false;
  return std::unexpected(listed.error());
}

FilePool file_pool_of(const ActArgs& args) {
  return {.pool = arg(args, "pool"),
          .file = arg(args, "file"),
          .id = arg(args, "id"),
          .inode = arg(args, "inode")};
}

Result<Act> pool_act(const SharingRequest& request) {
  const std::string pool = request.place.string();
  if (!is_place(pool) || pool != pool_of(pool)) {
    return fail_with_hint(Errc::usage, fmt::format("'{}' cannot name a ZFS pool", pool),
                          "give the new pool's name: --pool velo");
  }
  const std::string file = request.pool_file.string();
  const bool there = TRY(is_pool_in_file(pool, file));
  if (!there) TRY(check_new_pool(pool, file, request.pool_size, request.sparse));
  Act act{.description = fmt::format("Make the ZFS pool {} in {}", pool, file),
          .already_done = there,
          .args = {{"act", act_pool},
                   {"pool", pool},
                   {"file", file},
                   {"size", std::to_string(request.pool_size)},
                   {"sparse", request.sparse ? "yes" : ""},
                   {"id", TRY(random_id())}}};
  if (!there) {
    act.description += fmt::format(", {}, {}", to_size(request.pool_size),
                                   request.sparse ? "sparse" : "preallocated");
  }
  return act;
}

Result<Act> datasets_act(const std::string& place, bool new_pool) {
  std::vector<std::string> missing;
  for (const std::string& dataset : {place + "/velo", base_of(place)}) {
    if (new_pool || !TRY(exists(dataset))) missing.push_back(dataset);
  }
  return Act{.description = fmt::format("Make the dataset {}", base_of(place)),
             .already_done = missing.empty(),
             .args = {{"act", act_datasets}, {"place", place}, {"made", with_commas(missing)}}};
}

/// Two acts: what the group may do in the base dataset, and what whoever makes a volume may do with
/// it. Each gives only what is missing, so that taking it back takes nothing else.
Result<std::vector<Act>> rights_acts(const std::string& place, const std::string& group,
                                     bool new_base) {
  const std::string listed = new_base ? "" : TRY(zfs({"allow", base_of(place)}));
  constexpr std::string_view at_creation = "-c ";
  std::vector<std::string> local;
  std::vector<std::string> create_time;
  for (const std::string& right : missing_rights(listed, "", {group})) {
    if (right.starts_with(at_creation)) {
      create_time.push_back(right.substr(at_creation.size()));
    } else {
      local.push_back(right);
    }
  }
  return std::vector<Act>{
      {.description = fmt::format("Let the group {} make volumes in {}", group, base_of(place)),
       .already_done = local.empty(),
       .args = {{"act", act_rights},
                {"base", base_of(place)},
                {"group", group},
                {"rights", with_commas(local)}}},
      {.description = fmt::format("Let whoever makes a volume in {} do what Velo does with it",
                                  base_of(place)),
       .already_done = create_time.empty(),
       .args = {{"act", act_rights},
                {"base", base_of(place)},
                {"group", ""},
                {"rights", with_commas(create_time)}}}};
}

std::vector<SharedFile> files(const std::string& place, const std::string& group) {
  return {{.path = mount_helper,
           .what_for = "mounts users' volumes",
           .mode = 0755,
           .text = {},
           .program = fs::path(mount_helper).filename(),
           .is_line = false,
           .check = {},
           .check_package = {}},
          {.path = places_file,
           .what_for = "names the pools that it serves",
           .mode = 0644,
           .text = place + "\n",
           .program = {},
           .is_line = true,
           .check = {},
           .check_package = {}},
          {.path = sudoers_file,
           .what_for = fmt::format("lets the group {} run it as root", group),
           .mode = 0440,
           .text = sudoers_line(group),
           .program = {},
           .is_line = false,
           .check = {"visudo", "--check", "--quiet", "--file"},
           .check_package = "sudo"}};
}

Result<SharingPlan> plan(const SharingRequest& request) {
  const std::string place = request.place.string();
  SharingPlan plan;
  if (!request.pool_file.empty()) {
    TRY(check_available());
    plan.acts.push_back(TRY(pool_act(request)));
  }
  const bool new_pool = !plan.acts.empty() && !plan.acts.front().already_done;
  if (!new_pool) {
    // What an ordinary user lacks is what the plan will tell.
    const auto usable = check_place(place);
    const bool rights_only =
        !running_as_root() && !usable && usable.error().code == Errc::permission;
    if (!usable && !rights_only) return std::unexpected(usable.error());
  }
  const Act datasets = TRY(datasets_act(place, new_pool));
  const bool new_base = new_pool || !TRY(exists(base_of(place)));
  plan.acts.push_back(datasets);
  std::ranges::move(TRY(rights_acts(place, request.group, new_base)),
                    std::back_inserter(plan.acts));
  plan.files = files(place, request.group);
  const fs::path mounts = mounts_of(place);
  plan.directories = {mounts_directory, mounts};
  return plan;
}

/// `allow` or `unallow` with what an act gives.
std::vector<std::string> rights_command(const char* verb, const ActArgs& act) {
  std::vector<std::string> words{verb};
  const std::string& group = arg(act, "group");
  if (group.empty()) {
    words.emplace_back("-c");
  } else {
    words.insert(words.end(), {"-l", "-g", group});
  }
  words.insert(words.end(), {arg(act, "rights"), arg(act, "base")});
  return words;
}

Result<void> perform(const ActArgs& act, const NoteOnAct& note) {
  const std::string& what = arg(act, "act");
  if (what == act_pool) {
    return make_file_pool(file_pool_of(act), std::stoull(arg(act, "size")),
                          !arg(act, "sparse").empty(),
                          [&](const std::string& inode) { return note("inode", inode); });
  }
  if (what == act_datasets) return prepare_place(arg(act, "place"));
  TRY(zfs(rights_command("allow", act)));
  return {};
}

std::string undo_in_words(const ActArgs& act) {
  const std::string& what = arg(act, "act");
  if (what == act_pool) {
    return fmt::format("Destroy the ZFS pool {} in {}", arg(act, "pool"), arg(act, "file"));
  }
  if (what == act_datasets) return fmt::format("Destroy {} if it is empty", arg(act, "made"));
  const std::string& group = arg(act, "group");
  return fmt::format("Take back the rights on {} from {}", arg(act, "base"),
                     group.empty() ? "whoever makes a volume" : "the group " + group);
}

/// A dataset that setup made, and that still looks like it: without children, never mounted.
Result<std::string> destroy_if_empty(const std::string& dataset, const std::string& base) {
  if (!TRY(exists(dataset))) return "";
  const auto properties = TRY(get({"canmount", std::string(base_property)}, dataset));
  if (!properties[0].is_set_here() || properties[0].value != "off" ||
      (dataset == base && !properties[1].is_set_here())) {
    return fmt::format("{} is not what setup made", dataset);
  }
  const auto below = rows_of(TRY(zfs({"list", "-H", "-r", "-t", "all", "-o", "name", dataset})));
  if (below.size() > 1) return fmt::format("{} holds {}", dataset, below[1].front());
  TRY(zfs({"destroy", dataset}));
  return "";
}

Result<std::string> take_back(const ActArgs& act) {
  const std::string& what = arg(act, "act");
  if (what == act_pool) return destroy_file_pool(file_pool_of(act));
  const std::string place =
      what == act_datasets ? arg(act, "place") : std::string(pool_of(arg(act, "base")));
  if (const auto there = check_pool(pool_of(place)); !there) return there.error().message;
  if (what == act_datasets) {
    std::string left;
    std::vector<std::string> made;
    for (const std::string_view name : split(arg(act, "made"), ',')) made.emplace_back(name);
    for (auto name = made.rbegin(); name != made.rend() && left.empty(); ++name) {
      left = TRY(destroy_if_empty(*name, base_of(place)));
    }
    return left;
  }
  if (!TRY(exists(arg(act, "base")))) return "";
  TRY(zfs(rights_command("unallow", act)));
  return "";
}

/// Whoever made a dataset has the create-time rights on it.
std::string maker_of(const std::string& dataset) {
  const std::string text = zfs({"allow", dataset}).value_or("");
  const std::string heading = "---- Permissions on " + dataset + " ";
  bool own = false;
  for (const std::string_view line : lines_of(text)) {
    if (line.starts_with("----")) own = line.starts_with(heading);
    const auto words = split(trim(line), ' ');
    if (own && words.size() == 3 && words[0] == "user") return std::string(words[1]);
  }
  return "root";
}

Result<std::vector<std::string>> users(const std::vector<ActArgs>& acts) {
  std::set<std::string> goes;  // pools
  std::set<std::string> bases;
  for (const ActArgs& act : acts) {
    if (arg(act, "act") == act_pool) goes.insert(arg(act, "pool"));
    if (arg(act, "act") == act_rights) bases.insert(arg(act, "base"));
  }
  std::map<std::string, std::vector<std::string>> volumes;
  for (const std::string& base : bases) {
    if (goes.contains(pool_of(base)) || !check_pool(pool_of(base)) || !TRY(exists(base))) continue;
    const auto listed = TRY(zfs({"list", "-H", "-d", "1", "-t", "filesystem", "-o", "name", base}));
    for (const auto& row : rows_of(listed)) {
      const auto volume = volume_of(row.front());
      if (!volume) continue;  // the base itself
      const std::string maker = maker_of(row.front());
      if (maker != "root") volumes[maker].push_back(volume->volume);
    }
  }
  std::vector<std::string> found;
  for (const auto& [maker, names] : volumes) {
    found.push_back(fmt::format("{} ({})", maker, fmt::join(names, ", ")));
  }
  return found;
}

Result<std::vector<std::string>> data(const ActArgs& act) {
  if (arg(act, "act") != act_pool) return std::vector<std::string>{};
  return data_in_file_pool(file_pool_of(act));
}

}  // namespace

constinit const Sharing sharing{.plan = plan,
                                .perform = perform,
                                .undo_in_words = undo_in_words,
                                .take_back = take_back,
                                .users = users,
                                .data = data};

}  // namespace velo::storage::zfs
