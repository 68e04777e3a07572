#include "engine/checkpoint_choice.h"

#include <chrono>

#include "base/text.h"
#include "postgres/number.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;

constexpr auto query_patience = 10s;

/// See checkpoint_choice.h.
constexpr std::uint64_t soon_replayed = 2U << 20U;
constexpr std::uint64_t soon_promoted = 64U << 20U;

/// WAL that is begun and not on disk: of sessions that commit without waiting.
struct Position {
  std::uint64_t to_replay = 0;  ///< bytes from the last checkpoint's redo on
  bool all_on_disk = false;
  bool can_promote = false;  ///< archive recovery needs more than wal_level = minimal
  bool is_busy = false;      ///< somebody works in it just now
};

/// Empty on a standby, and where the answer is not one.
std::optional<Position> ask_position(postgres::Connection& connection) {
  // Both positions are equal when all is written, but at the start of a page, where the insert
  // position stands behind the page's header: a flush more than needed.
  const auto rows = connection.query(
      "SELECT CASE WHEN pg_is_in_recovery() THEN NULL"
      // Promoted, and not yet through the checkpoint that follows: what is taken of it then begins
      // on the timeline before, whose WAL is another life's.
      " WHEN ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int <>"
      " timeline_id THEN NULL"
      " ELSE (pg_current_wal_insert_lsn() - redo_lsn)::bigint END,"
      " CASE WHEN pg_is_in_recovery() THEN NULL ELSE"
      " pg_current_wal_insert_lsn() = pg_current_wal_flush_lsn() END,"
      " current_setting('wal_level') <> 'minimal',"
      " EXISTS (SELECT 1 FROM pg_stat_get_activity(NULL) WHERE state = 'active'"
      "  AND backend_type = 'client backend' AND pid <> pg_backend_pid())"
      " FROM pg_control_checkpoint()",
      query_patience);
  if (!rows || rows->size() != 1) return std::nullopt;
  const postgres::Row& row = rows->front();
  const auto bytes = postgres::parse_number<std::uint64_t>(row.at(0).value_or(""));
  if (!bytes) return std::nullopt;
  return Position{.to_replay = *bytes,
                  .all_on_disk = row.at(1) == "t",
                  .can_promote = row.at(2) == "t",
                  .is_busy = row.at(3) == "t"};
}

/// A transaction that has written WAL flushes all WAL before its commit record's end. (One that
/// only took a transaction id would not wait: RecordTransactionCommit in xact.c.)
bool flush_wal(postgres::Connection& connection) {
  return connection.query("SELECT pg_logical_emit_message(true, 'velo', '')", query_patience)
      .has_value();
}

}  // namespace

Result<WhenBusy> parse_when_busy(std::string_view text) {
  if (text == "auto") return WhenBusy::automatic;
  if (text == "checkpoint") return WhenBusy::checkpoint;
  if (text == "replay") return WhenBusy::replay;
  return fail_with_hint(Errc::usage, fmt::format("'{}' is no way to take a busy parent", text),
                        "--when-busy is auto, checkpoint or replay");
}

std::optional<Replayed> replay_instead(postgres::Connection& connection, const Taking& taking) {
  if (taking.when_busy == WhenBusy::checkpoint) return std::nullopt;
  const auto position = ask_position(connection);
  if (!position) return std::nullopt;
  const bool may_promote = taking.starts_at_once && position->can_promote;
  const std::uint64_t most = may_promote && position->is_busy ? soon_promoted : soon_replayed;
  if (taking.when_busy == WhenBusy::automatic && position->to_replay > most) return std::nullopt;
  if (!position->all_on_disk && !flush_wal(connection)) return std::nullopt;
  return Replayed{.bytes = position->to_replay,
                  .by_promotion = may_promote && position->to_replay > soon_replayed};
}

}  // namespace velo::engine
