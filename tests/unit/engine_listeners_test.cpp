#include "engine/listeners.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

namespace velo::engine {
namespace {

using testing::HasSubstr;

TEST(Listeners, AreReadFromTheKernelsTables) {
  const auto all = parse_listeners(
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode\n"
      "   0: 0100007F:3C48 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
      "4711 1 0 100 0 0 10 0\n"
      "   1: 0100007F:3C48 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 "
      "4712 1 0 100 0 0 10 0\n"
      "   2: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A "
      "00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0\n"
      "   3: 0000000000000000FFFF00000100007F:0050 00000000000000000000000000000000:0000 0A "
      "00000000:00000000 00:00000000 00000000     0        0 4714 1 0 100 0 0 10 0\n"
      "rubbish\n");
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].address, "127.0.0.1");
  EXPECT_EQ(all[0].port, 15432);
  EXPECT_EQ(all[0].inode, 4711U);
  EXPECT_EQ(all[1].address, "::");
  EXPECT_EQ(all[2].address, "127.0.0.1");
}

TEST(Listeners, MeetAServerOnTheirOwnAddressAndOnAll) {
  const std::vector<Listener> all{{.address = "127.0.0.1", .port = 1, .inode = 1},
                                  {.address = "0.0.0.0", .port = 2, .inode = 2},
                                  {.address = "::", .port = 3, .inode = 3},
                                  {.address = "", .port = 4, .inode = 4}};
  EXPECT_NE(listener_on(all, "127.0.0.1", 1), nullptr);
  EXPECT_EQ(listener_on(all, "10.0.0.1", 1), nullptr);
  EXPECT_NE(listener_on(all, "0.0.0.0", 1), nullptr);
  EXPECT_NE(listener_on(all, "10.0.0.1", 2), nullptr);
  EXPECT_NE(listener_on(all, "127.0.0.1", 3), nullptr);
  EXPECT_EQ(listener_on(all, "127.0.0.1", 4), nullptr);
}

TEST(Listeners, AreFoundWithTheirPrograms) {
  const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof name;
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), size), 0);
  ASSERT_EQ(::listen(fd.get(), 1), 0);
  ASSERT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&name), &size), 0);
  const auto all = listeners();
  const Listener* own = listener_on(all, "127.0.0.1", ntohs(name.sin_port));
  ASSERT_NE(own, nullptr);
  EXPECT_TRUE(holds_socket(::getpid(), own->inode));
  EXPECT_FALSE(holds_socket(::getppid(), own->inode));
  EXPECT_THAT(name_of_holder(own->inode), HasSubstr(std::to_string(::getpid())));
  EXPECT_EQ(name_of_holder(1), "another program");
}

}  // namespace
}  // namespace velo::engine
