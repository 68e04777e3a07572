#include "postgres/libpq_library.h"

#include <future>

#include "base/library.h"
#include "postgres/connection.h"

namespace velo::postgres {
namespace {

Result<LibpqLibrary> load() {
  const Library library = TRY(Library::load("libpq.so.5", "apt install libpq5"));
  LibpqLibrary pq;
  TRY(library.find("PQcancel", pq.cancel));
  TRY(library.find("PQclear", pq.clear));
  TRY(library.find("PQconnectPoll", pq.connect_poll));
  TRY(library.find("PQconnectStartParams", pq.connect_start_params));
  TRY(library.find("PQconsumeInput", pq.consume_input));
  TRY(library.find("PQerrorMessage", pq.error_message));
  TRY(library.find("PQfinish", pq.finish));
  TRY(library.find("PQflush", pq.flush));
  TRY(library.find("PQfreeCancel", pq.free_cancel));
  TRY(library.find("PQgetCancel", pq.get_cancel));
  TRY(library.find("PQgetResult", pq.get_result));
  TRY(library.find("PQgetisnull", pq.is_null));
  TRY(library.find("PQgetlength", pq.length));
  TRY(library.find("PQgetvalue", pq.value));
  TRY(library.find("PQisBusy", pq.is_busy));
  TRY(library.find("PQnfields", pq.column_count));
  TRY(library.find("PQntuples", pq.row_count));
  TRY(library.find("PQresultErrorField", pq.result_error_field));
  TRY(library.find("PQresultErrorMessage", pq.result_error_message));
  TRY(library.find("PQresultStatus", pq.result_status));
  TRY(library.find("PQsendQuery", pq.send_query));
  TRY(library.find("PQsendQueryParams", pq.send_query_params));
  TRY(library.find("PQsetErrorVerbosity", pq.set_error_verbosity));
  TRY(library.find("PQsetNoticeReceiver", pq.set_notice_receiver));
  TRY(library.find("PQsetnonblocking", pq.set_nonblocking));
  TRY(library.find("PQsocket", pq.socket));
  TRY(library.find("PQstatus", pq.status));
  return pq;
}

const Result<LibpqLibrary>& loaded() {
  static const Result<LibpqLibrary> once = load();
  return once;
}

}  // namespace

Result<const LibpqLibrary*> libpq_library() {
  if (!loaded()) return std::unexpected(loaded().error());
  return &*loaded();
}

void load_libpq_ahead() {
  static const auto loading = std::async(std::launch::async, [] { static_cast<void>(loaded()); });
}

const LibpqLibrary& pq() {
  return *loaded();
}

}  // namespace velo::postgres
