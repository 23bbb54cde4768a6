/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drain: how fast a walsender can be read by a reader that only counts.
 *
 * It is the upper limit for every source that reads one slot: pgoutput protocol 1 in text, the socket drained
 * until it is empty, then a nap while the rate is high. The nap is long enough for the socket to fill: over TCP
 * the walsender pays a way through the network stack for every send() that the reader has room for, and next to
 * nothing for those that wait for room. Nothing is confirmed, so the slot stays where it was. One thread.
 *
 * Source: manual, "Streaming Replication Protocol" and "Logical Replication Message Formats".
 */
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "bench/measure.h"

#define XLOG_HEADER     25 /* type, start, end, send time */
#define KEEPALIVE_LEN   18 /* type, end, send time, reply wanted */
#define STATUS_LEN      34
#define STATUS_US       5000000
#define POSTGRES_EPOCH  INT64_C(946684800000000)
#define RATE_WINDOW_US  20000
#define NAP_US          10000
#define FAST_PER_SECOND 20000

struct drain {
    PGconn *conn;
    long wanted;
    long nap_us;
    long changes;
    int64_t bytes;
    uint64_t received; /* LSN */
    bool complete;     /* all changes, and the commit after the last */
    bool reply_now;
    int64_t status_due_us;
    int64_t window_start_us;
    long window_changes;
    bool fast;
};

static uint64_t
get_u64(const char *bytes)
{
    uint64_t value = 0;

    for (int i = 0; i < 8; i++)
        value = value << 8 | (unsigned char)bytes[i];
    return value;
}

static void
put_u64(char *bytes, uint64_t value)
{
    for (int i = 7; i >= 0; i--, value >>= 8)
        bytes[i] = (char)(value & 0xff);
}

/* What was received, and nothing as flushed: the slot must not move. */
static void
send_status(struct drain *d)
{
    char status[STATUS_LEN] = { 'r' };

    put_u64(status + 1, d->received);
    put_u64(status + 25, (uint64_t)(wall_us() - POSTGRES_EPOCH));
    if (PQputCopyData(d->conn, status, sizeof(status)) < 0 || PQflush(d->conn) < 0)
        die("could not answer the walsender: %s", PQerrorMessage(d->conn));
    d->reply_now = false;
    d->status_due_us = mono_us() + STATUS_US;
}

static void
on_frame(struct drain *d, const char *data, int len)
{
    if (len == KEEPALIVE_LEN && data[0] == 'k') {
        d->reply_now |= data[KEEPALIVE_LEN - 1] != 0;
        return;
    }
    if (len <= XLOG_HEADER || data[0] != 'w')
        die("unknown replication message of %d bytes", len);
    d->received = get_u64(data + 1);
    d->bytes += len;
    switch (data[XLOG_HEADER]) {
    case 'I':
    case 'U':
    case 'D':
        d->changes++;
        break;
    case 'C':
        d->complete = d->changes >= d->wanted;
        break;
    default:
        break;
    }
}

static void
drain_buffered(struct drain *d)
{
    char *data;
    int len = 0;

    while (!d->complete && (len = PQgetCopyData(d->conn, &data, 1)) > 0) {
        on_frame(d, data, len);
        PQfreemem(data);
    }
    if (len < 0)
        die("the stream ended after %ld of %ld changes: %s", d->changes, d->wanted, PQerrorMessage(d->conn));
}

static void
measure_rate(struct drain *d)
{
    int64_t now = mono_us(), passed = now - d->window_start_us;

    if (passed < RATE_WINDOW_US)
        return;
    d->fast = (d->changes - d->window_changes) * 1000000 > passed * FAST_PER_SECOND;
    d->window_start_us = now;
    d->window_changes = d->changes;
}

static void
wait_for_data(struct drain *d, bool came)
{
    struct pollfd fd = { .fd = PQsocket(d->conn), .events = POLLIN };

    measure_rate(d);
    if (d->fast && d->nap_us > 0)
        sleep_until_us(mono_us() + d->nap_us);
    else if (!came)
        poll(&fd, 1, 1000);
}

static void
drain(struct drain *d)
{
    d->window_start_us = mono_us();
    d->status_due_us = d->window_start_us + STATUS_US;
    while (!d->complete) {
        int64_t before = d->bytes;

        if (PQconsumeInput(d->conn) == 0)
            die("could not read: %s", PQerrorMessage(d->conn));
        drain_buffered(d);
        if (d->reply_now || mono_us() >= d->status_due_us)
            send_status(d);
        wait_for_data(d, d->bytes != before);
    }
}

static void
start_replication(PGconn *conn, const char *slot, const char *publication)
{
    char sql[512];
    PGresult *res;

    /* one row larger than libpq's buffer: it grows and stays large */
    res = PQexec(conn, "SELECT repeat('x', 1048576)");
    if (PQresultStatus(res) != PGRES_TUPLES_OK)
        die("could not prepare the connection: %s", PQerrorMessage(conn));
    PQclear(res);
    snprintf(sql, sizeof(sql),
             "START_REPLICATION SLOT \"%s\" LOGICAL 0/0 (proto_version '1', publication_names '\"%s\"')", slot,
             publication);
    res = PQexec(conn, sql);
    if (PQresultStatus(res) != PGRES_COPY_BOTH)
        die("could not start streaming: %s", PQerrorMessage(conn));
    PQclear(res);
    if (PQsetnonblocking(conn, 1) != 0)
        die("could not make the connection non-blocking: %s", PQerrorMessage(conn));
}

static void
usage(FILE *out)
{
    fputs("usage: drain [OPTIONS] CONNINFO SLOT PUBLICATION COUNT\n"
          "\n"
          "Reads COUNT changes of SLOT, to the commit after the last, and prints one line:\n"
          "  changes, seconds from the connection's start, cpu and walsender_cpu in seconds, bytes.\n"
          "The slot is not moved. walsender_cpu is -1 when the server runs on another machine.\n"
          "\n"
          "  -n, --nap US   pause after a read while the rate is high (10000; 0: none)\n"
          "  -h, --help     print this\n",
          out);
}

int
main(int argc, char **argv)
{
    static const struct option options[] = { { "nap", required_argument, NULL, 'n' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    struct drain d = { .nap_us = NAP_US };
    int64_t started_us;
    double seconds;
    char conninfo[1024];
    int option;

    while ((option = getopt_long(argc, argv, "n:h", options, NULL)) != -1) {
        if (option == 'n') {
            d.nap_us = parse_count("--nap", optarg, 0);
        } else {
            usage(option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 2;
        }
    }
    if (argc - optind != 4) {
        usage(stderr);
        return 2;
    }
    d.wanted = parse_count("COUNT", argv[optind + 3], 1);
    snprintf(conninfo, sizeof(conninfo), "%s replication=database", argv[optind]);
    started_us = mono_us();
    d.conn = PQconnectdb(conninfo);
    if (PQstatus(d.conn) != CONNECTION_OK)
        die("could not connect: %s", PQerrorMessage(d.conn));
    start_replication(d.conn, argv[optind + 1], argv[optind + 2]);
    drain(&d);
    seconds = (double)(mono_us() - started_us) / 1e6;
    printf("changes=%ld seconds=%.3f cpu=%.2f walsender_cpu=%.2f bytes=%lld\n", d.changes, seconds,
           cpu_seconds(getpid()), cpu_seconds(PQbackendPID(d.conn)), (long long)d.bytes);
    PQfinish(d.conn);
    return 0;
}
