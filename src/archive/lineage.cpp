#include "archive/lineage.h"

#include "archive/pg_wal.h"
#include "archive/store.h"
#include "base/files.h"
#include "base/text.h"
#include "postgres/number.h"

namespace velo::archive {
namespace {

using postgres::WalFile;
using postgres::WalName;

constexpr std::string_view first_line = "velo lineage 1";
constexpr std::string_view size_key = "segment_size ";
constexpr std::string_view no_limit = "-";

std::string_view word_of(SourceKind kind) {
  return kind == SourceKind::archive ? "archive" : "pg_wal";
}

Result<Source> parse_source(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t second = first == line.npos ? line.npos : line.find(' ', first + 1);
  if (second == line.npos) return fail(Errc::failed, "\"{}\" is no source", line);
  const std::string_view kind = line.substr(0, first);
  const std::string_view limit = line.substr(first + 1, second - first - 1);
  Source source{.directory = fs::path(line.substr(second + 1)), .limit = std::nullopt};
  if (kind == word_of(SourceKind::pg_wal)) {
    source.kind = SourceKind::pg_wal;
  } else if (kind != word_of(SourceKind::archive)) {
    return fail(Errc::failed, "\"{}\" is no kind of source", kind);
  }
  if (limit != no_limit) source.limit = TRY(postgres::parse_lsn(limit));
  if (!source.directory.is_absolute()) {
    return fail(Errc::failed, "\"{}\" is not an absolute path", source.directory.string());
  }
  return source;
}

/// The first source that has it by `ask`, which says where, or that it has not. Only here anything
/// becomes Errc::not_found, on which PostgreSQL ends its recovery.
template <class Ask>
Result<Found> ask_in_turn(const Lineage& lineage, std::string_view name, Ask ask) {
  const auto wal = postgres::parse_wal_name(name);
  if (!wal || !wal->fits(lineage.segment_size)) {
    return fail(Errc::usage, "\"{}\" is not the name of a WAL file", name);
  }
  std::vector<const Source*> turns;
  for (const Source& source : lineage.sources) {
    if (!may_serve(source, *wal, lineage.segment_size)) continue;
    turns.push_back(&source);
    const bool again = source.kind == SourceKind::pg_wal && turns.size() > 1;
    if (again) turns.push_back(turns[turns.size() - 2]);
  }
  for (const Source* source : turns) {
    Result<std::optional<fs::path>> file = ask(*source);
    if (!file) {
      if (file.error().code == Errc::not_found) file.error().code = Errc::storage;
      return std::unexpected(std::move(file).error());
    }
    if (*file) return Found{.source = source, .file = std::move(**file)};
  }
  return fail(Errc::not_found, "{} is not in the archive", name);
}

}  // namespace

Result<std::string> to_text(const Lineage& lineage) {
  std::string text = fmt::format("{}\n{}{}\n", first_line, size_key, lineage.segment_size);
  for (const Source& source : lineage.sources) {
    const std::string directory = source.directory.string();
    if (!source.directory.is_absolute() || directory.find('\n') != directory.npos) {
      return fail(Errc::usage, "a lineage cannot hold the path \"{}\"", directory);
    }
    text += fmt::format("{} {} {}\n", word_of(source.kind),
                        source.limit ? postgres::to_string(*source.limit) : no_limit, directory);
  }
  return text;
}

Result<Lineage> parse_lineage(std::string_view text) {
  const std::vector<std::string_view> lines = lines_of(text);
  // The last line's end shows that the file is whole.
  if (lines.size() < 2 || lines[0] != first_line || !text.ends_with('\n')) {
    return fail(Errc::failed, "this is no lineage");
  }
  std::string_view size = lines[1];
  Lineage lineage;
  if (size.starts_with(size_key)) size.remove_prefix(size_key.size());
  lineage.segment_size = postgres::parse_number<std::uint64_t>(size).value_or(0);
  if (!postgres::is_segment_size(lineage.segment_size)) {
    return fail(Errc::failed, "\"{}\" is no size of segments", lines[1]);
  }
  for (std::size_t i = 2; i < lines.size(); ++i) {
    lineage.sources.push_back(TRY(parse_source(lines[i])));
  }
  return lineage;
}

Result<Lineage> read_lineage(const fs::path& file) {
  auto lineage = parse_lineage(TRY(read_file(file)));
  if (!lineage) return fail(Errc::failed, "{}: {}", file.string(), lineage.error().message);
  return lineage;
}

bool may_serve(const Source& source, const WalName& name, std::uint64_t segment_size) {
  return name.kind == WalFile::history || !source.limit || name.end(segment_size) <= *source.limit;
}

Result<Found> find(const Lineage& lineage, std::string_view name) {
  return ask_in_turn(lineage, name, [&](const Source& source) {
    return source.kind == SourceKind::pg_wal ? locate_in_pg_wal(source.directory, name)
                                             : Store(source.directory).locate(name);
  });
}

Result<Found> fetch(const Lineage& lineage, std::string_view name, const fs::path& target) {
  return ask_in_turn(lineage, name, [&](const Source& source) {
    return source.kind == SourceKind::pg_wal ? copy_from_pg_wal(source.directory, name, target)
                                             : Store(source.directory).find_and_get(name, target);
  });
}

namespace {
constexpr std::string_view failure_begins = "velo wal fetch: ";
constexpr std::string_view failure_words = " was not restored: ";
}  // namespace

std::string fetch_failure(std::string_view name, const Error& error) {
  return fmt::format("{}{}{}{}", failure_begins, name, failure_words, error.message);
}

std::string_view last_fetch_failure(std::string_view log) {
  std::string_view last;
  for (const std::string_view line : split(log, '\n')) {
    if (!line.starts_with(failure_begins) || !line.contains(failure_words)) continue;
    last = line.substr(failure_begins.size());
  }
  return last;
}

}  // namespace velo::archive
