#include "engine/whereabouts.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/crypto.h"
#include "base/files.h"
#include "catalog/catalog.h"

namespace velo::engine {
namespace {

using Json = nlohmann::ordered_json;

std::string text_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

Result<std::string> fingerprint_of(const Home& home) {
  constexpr std::size_t enough = 16;
  const std::string digest =
      TRY(hmac_sha256(TRY(home.key()), "what tells this key from another one"));
  return to_hex(digest).substr(0, enough);
}

Result<Whereabouts> read_whereabouts(const Home& home) {
  const std::string text = TRY(read_file(home.places_file()));
  const Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object() || text_in(document, "home_id").empty()) {
    return fail(Errc::state, "{} is damaged", home.places_file().string());
  }
  Whereabouts found{
      .home_id = text_in(document, "home_id"), .key = text_in(document, "key"), .places = {}};
  const auto places = document.find("places");
  if (places == document.end() || !places->is_array()) return found;
  for (const Json& place : *places) {
    if (!place.is_object()) continue;
    found.places.push_back({text_in(place, "driver"), text_in(place, "pool")});
  }
  return found;
}

Result<void> write_whereabouts(const Home& home, const Whereabouts& whereabouts) {
  Json document{
      {"home_id", whereabouts.home_id}, {"key", whereabouts.key}, {"places", Json::array()}};
  for (const auto& place : whereabouts.places) {
    document["places"].push_back({{"driver", place.driver}, {"pool", place.pool}});
  }
  return write_file_durably(home.places_file(),
                            document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n",
                            0600);
}

Result<void> ensure_whereabouts(const Home& home, catalog::Catalog& catalog) {
  auto known = read_whereabouts(home);
  if (known && known->home_id == catalog.home_id()) return {};
  Whereabouts fresh{.home_id = catalog.home_id(), .key = TRY(fingerprint_of(home)), .places = {}};
  for (const auto& project : TRY(catalog.projects(catalog::Which::all))) {
    const Whereabouts::At at{project.driver, project.pool};
    if (std::ranges::count(fresh.places, at) == 0) fresh.places.push_back(at);
  }
  return write_whereabouts(home, fresh);
}

Result<void> note_place(const Home& home, catalog::Catalog& catalog, const Whereabouts::At& place) {
  TRY(ensure_whereabouts(home, catalog));
  Whereabouts known = TRY(read_whereabouts(home));
  if (std::ranges::count(known.places, place) > 0) return {};
  known.places.push_back(place);
  return write_whereabouts(home, known);
}

}  // namespace velo::engine
