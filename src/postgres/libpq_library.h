// libpq, loaded when it is first needed.
//
// With the two dozen libraries that it brings along it takes some milliseconds, which no command
// should pay that speaks to no server, and none before there is something to say.
#pragma once

#include <libpq-fe.h>

#include "base/error.h"

namespace velo::postgres {

/// The functions that Velo uses, under names of its own.
struct LibpqLibrary {
  decltype(&::PQcancel) cancel = nullptr;
  decltype(&::PQclear) clear = nullptr;
  decltype(&::PQconnectPoll) connect_poll = nullptr;
  decltype(&::PQconnectStartParams) connect_start_params = nullptr;
  decltype(&::PQconsumeInput) consume_input = nullptr;
  decltype(&::PQerrorMessage) error_message = nullptr;
  decltype(&::PQfinish) finish = nullptr;
  decltype(&::PQflush) flush = nullptr;
  decltype(&::PQfreeCancel) free_cancel = nullptr;
  decltype(&::PQgetCancel) get_cancel = nullptr;
  decltype(&::PQgetResult) get_result = nullptr;
  decltype(&::PQgetisnull) is_null = nullptr;
  decltype(&::PQgetlength) length = nullptr;
  decltype(&::PQgetvalue) value = nullptr;
  decltype(&::PQisBusy) is_busy = nullptr;
  decltype(&::PQnfields) column_count = nullptr;
  decltype(&::PQntuples) row_count = nullptr;
  decltype(&::PQresultErrorField) result_error_field = nullptr;
  decltype(&::PQresultErrorMessage) result_error_message = nullptr;
  decltype(&::PQresultStatus) result_status = nullptr;
  decltype(&::PQsendQuery) send_query = nullptr;
  decltype(&::PQsendQueryParams) send_query_params = nullptr;
  decltype(&::PQsetErrorVerbosity) set_error_verbosity = nullptr;
  decltype(&::PQsetNoticeReceiver) set_notice_receiver = nullptr;
  decltype(&::PQsetnonblocking) set_nonblocking = nullptr;
  decltype(&::PQsocket) socket = nullptr;
  decltype(&::PQstatus) status = nullptr;
};

/// Loaded once; stays loaded. Any thread may ask. Errc::unsupported with the package to install
/// when it is not there.
Result<const LibpqLibrary*> libpq_library();

/// The same, for whoever holds something that libpq made.
const LibpqLibrary& pq();

}  // namespace velo::postgres
