#include "postgres/refusal.h"

#include <algorithm>

#include "base/text.h"
#include "postgres/connection.h"

namespace velo::postgres {
namespace {

constexpr std::string_view too_many_connections = "53300";
constexpr std::string_view invalid_authorization = "28000";

std::string hint_for(std::string_view sqlstate) {
  if (sqlstate == cannot_connect_now) return "it is starting, recovering or shutting down";
  if (sqlstate == too_many_connections) {
    return "all of its connections are taken, those reserved for superusers too: close some, or "
           "raise max_connections";
  }
  if (sqlstate == invalid_authorization) {
    return fmt::format(
        "the role {} must be there, a superuser that may log in, and pg_hba.conf "
        "must not keep it out",
        control_role);
  }
  return {};
}

}  // namespace

Error error_from_text(std::string_view text) {
  text = trim(text);
  const std::size_t end = text.find('\n');
  Error error{
      .code = Errc::server, .message = std::string(text.substr(0, end)), .hint = {}, .detail = {}};
  if (error.message.empty()) error.message = "the server closed the connection";
  if (end != std::string_view::npos) error.detail = trim(text.substr(end));
  return error;
}

Refusal parse_refusal(std::string_view text) {
  constexpr std::size_t length = 5;
  constexpr std::string_view before = ":  ";
  constexpr std::string_view after = ": ";
  Refusal refusal;
  std::string kept;
  for (const std::string_view line : lines_of(text)) {
    if (line.starts_with("LOCATION:")) continue;
    const std::size_t at = line.find(before);
    const std::string_view rest =
        at == std::string_view::npos ? std::string_view{} : line.substr(at + before.size());
    const bool has_state = refusal.sqlstate.empty() && rest.size() > length &&
                           rest.substr(length).starts_with(after) &&
                           std::ranges::all_of(rest.substr(0, length), [](char c) {
                             return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
                           });
    if (has_state) {
      refusal.sqlstate = rest.substr(0, length);
      kept += line.substr(0, at + before.size());
      kept += rest.substr(length + after.size());
    } else {
      kept += line;
    }
    kept += '\n';
  }
  refusal.error = error_from_text(kept);
  refusal.error.hint = hint_for(refusal.sqlstate);
  return refusal;
}

}  // namespace velo::postgres
