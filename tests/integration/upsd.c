/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/upsd.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/port.h"

enum { SKIPPED = 77, STEP_MS = 20 };

extern char **environ;

static void give_up(const char *what)
{
    fprintf(stderr, "upsd for tests: %s: %s\n", what, strerror(errno));
    abort();
}

static bool take(const char *line, const char *key, char *out, size_t size)
{
    const char *at = strstr(line, key);
    if (!at)
        return false;
    at += strlen(key);
    size_t length = strcspn(at, " \n");
    if (length >= size)
        return false;
    memcpy(out, at, length);
    out[length] = '\0';
    return true;
}

static void spawn(struct fl_test_upsd *upsd, char *const arguments[], int input, int output)
{
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) ||
        posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO) ||
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO))
        give_up("no memory");
    errno = posix_spawn(&upsd->pid, arguments[0], &actions, NULL, arguments, environ);
    if (errno)
        give_up(arguments[0]);
    posix_spawn_file_actions_destroy(&actions);
}

bool fl_test_upsd_start(struct fl_test_upsd *upsd, const char *fleet, const char *speed,
                        const char *maxage, bool dummy)
{
    const char *build = getenv("FLEETLOG_BUILD");
    char driver[512];
    char line[1024] = "";
    char script[] = "producers/simulator/upsd-run";
    int input[2];
    int output[2];
    snprintf(driver, sizeof(driver), "%s/fleetlog-demo-driver", build ? build : "build/dev");
    char *const arguments[] = {script,
                               (char[]){"--driver"},
                               driver,
                               (char[]){"--fleet"},
                               (char *)fleet,
                               (char[]){"--speed"},
                               (char *)speed,
                               (char[]){"--tick-ms"},
                               (char[]){"50"},
                               (char[]){"--maxage"},
                               (char *)maxage,
                               (char[]){"--until-eof"},
                               dummy ? NULL : (char[]){"--no-dummy"},
                               NULL};
    memset(upsd, 0, sizeof(*upsd));
    if (pipe2(input, O_CLOEXEC) || pipe2(output, O_CLOEXEC))
        give_up("pipe");
    spawn(upsd, arguments, input[0], output[1]);
    close(input[0]);
    close(output[1]);
    upsd->input = input[1];
    FILE *answer = fdopen(output[0], "r");
    bool told = answer && fgets(line, sizeof(line), answer);
    if (answer)
        fclose(answer);
    if (!told) {
        int status = 0;
        close(upsd->input);
        if (waitpid(upsd->pid, &status, 0) == upsd->pid && WIFEXITED(status) &&
            WEXITSTATUS(status) == SKIPPED)
            return false;
        give_up("upsd-run does not start");
    }
    if (!take(line, "upsd=", upsd->host_port, sizeof(upsd->host_port)) ||
        !take(line, "control=", upsd->control, sizeof(upsd->control)) ||
        !take(line, "user=", upsd->user, sizeof(upsd->user)) ||
        !take(line, "password=", upsd->password, sizeof(upsd->password)))
        give_up(line);
    upsd->port = (unsigned)strtoul(strrchr(upsd->host_port, ':') + 1, NULL, 10);
    return true;
}

void fl_test_upsd_stop(struct fl_test_upsd *upsd)
{
    if (upsd->pid <= 0)
        return;
    close(upsd->input);
    (void)waitpid(upsd->pid, NULL, 0);
    upsd->pid = 0;
}

static FILE *connected(int domain, const void *address, socklen_t size)
{
    struct timeval deadline = {.tv_sec = FL_TEST_UPSD_DEADLINE_MS / 1000};
    int fd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline)) ||
        connect(fd, address, size))
        give_up("connect");
    FILE *stream = fdopen(fd, "r");
    if (!stream)
        give_up("fdopen");
    return stream;
}

/* The stream is for reading; lines go to its descriptor. */
static void say(FILE *stream, const char *text)
{
    char line[FL_TEST_UPSD_LINE_SIZE + 1];
    int size = snprintf(line, sizeof(line), "%s\n", text);
    if (size < 0 || (size_t)size >= sizeof(line) ||
        send(fileno(stream), line, (size_t)size, MSG_NOSIGNAL) != size)
        give_up("send");
}

bool fl_test_upsd_control(struct fl_test_upsd *upsd, const char *text)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char line[FL_TEST_UPSD_LINE_SIZE];
    memcpy(address.sun_path, upsd->control, strlen(upsd->control) + 1);
    FILE *stream = connected(AF_UNIX, &address, sizeof(address));
    say(stream, text);
    bool ok = false;
    while (fgets(line, sizeof(line), stream)) {
        ok = !strcmp(line, "OK\n");
        if (ok || !strncmp(line, "ERR ", 4))
            break;
    }
    fclose(stream);
    return ok;
}

static const char *answer(struct fl_test_upsd_client *client)
{
    if (!fgets(client->line, sizeof(client->line), client->stream))
        give_up("upsd does not answer");
    client->line[strcspn(client->line, "\n")] = '\0';
    return client->line;
}

const char *fl_test_upsd_ask(struct fl_test_upsd_client *client, const char *format, ...)
{
    va_list arguments;
    char line[FL_TEST_UPSD_LINE_SIZE];
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    say(client->stream, line);
    return answer(client);
}

void fl_test_upsd_client_open(struct fl_test_upsd_client *client, const struct fl_test_upsd *upsd)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)upsd->port)};
    client->stream = connected(AF_INET, &address, sizeof(address));
    if (strcmp(fl_test_upsd_ask(client, "USERNAME %s", upsd->user), "OK") ||
        strcmp(fl_test_upsd_ask(client, "PASSWORD %s", upsd->password), "OK"))
        give_up(client->line);
}

void fl_test_upsd_client_close(struct fl_test_upsd_client *client)
{
    if (client->stream)
        fclose(client->stream);
    client->stream = NULL;
}

unsigned fl_test_upsd_list(struct fl_test_upsd_client *client, const char *what, const char *needle)
{
    char found[FL_TEST_UPSD_LINE_SIZE] = "";
    unsigned count = 0;
    if (strncmp(fl_test_upsd_ask(client, "LIST %s", what), "BEGIN LIST ", 11))
        return 0;
    while (strncmp(answer(client), "END LIST ", 9)) {
        if (needle && strstr(client->line, needle))
            memcpy(found, client->line, sizeof(found));
        count++;
    }
    memcpy(client->line, found, sizeof(found));
    return count;
}

bool fl_test_upsd_wait(struct fl_test_upsd_client *client, const char *ups, const char *variable,
                       const char *value)
{
    const struct fl_port *port = fl_port_system();
    int64_t deadline_ms = fl_port_monotonic_ms(port) + FL_TEST_UPSD_DEADLINE_MS;
    char wanted[FL_TEST_UPSD_LINE_SIZE];
    struct pollfd quiet = {.fd = fileno(client->stream), .events = POLLIN};
    if (*value)
        snprintf(wanted, sizeof(wanted), "VAR %s %s \"%s\"", ups, variable, value);
    else
        snprintf(wanted, sizeof(wanted), "ERR ");
    while (fl_port_monotonic_ms(port) < deadline_ms) {
        fl_test_upsd_ask(client, "GET VAR %s %s", ups, variable);
        if (*value ? !strcmp(client->line, wanted) : !strncmp(client->line, wanted, 4))
            return true;
        (void)poll(&quiet, 1, STEP_MS); /* upsd has no way to tell of a change */
    }
    fprintf(stderr, "waited for %s, the last answer was %s\n", wanted, client->line);
    return false;
}
