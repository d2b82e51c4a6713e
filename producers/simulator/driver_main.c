/* SPDX-License-Identifier: Apache-2.0 */
/* fleetlog-demo-driver: simulated UPSes behind a real upsd. The usage text says the rest. */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "producers/simulator/driver.h"
#include "producers/simulator/fleet.h"
#include "producers/simulator/scenario_internal.h"

static const char usage_text[] =
    "fleetlog-demo-driver: plays UPSes for a real upsd\n"
    "\n"
    "  fleetlog-demo-driver --state DIR --fleet FILE --scenarios DIR [--control PATH]\n"
    "                       [--speed FACTOR] [--tick-ms MS] [--seed N]\n"
    "      serve every UPS of the fleet at DIR/" FL_DRIVER_NAME "-NAME until SIGTERM;\n"
    "      prints one line when all can be reached\n"
    "  fleetlog-demo-driver --names --fleet FILE --scenarios DIR\n"
    "      check the files and print the names, one per line\n"
    "  fleetlog-demo-driver --ask PATH WORD...\n"
    "      send a line to a control socket (list, outage, do, set, stale, fresh, speed)\n"
    "      and print the answer; exit code 1 if it is refused\n"
    "  fleetlog-demo-driver --free-port\n"
    "      print a TCP port of 127.0.0.1 that nobody listens on\n";

enum { ANSWER_DEADLINE_S = 10, EXIT_USAGE = 2 };

struct arguments {
    const char *state, *fleet, *scenarios, *control, *ask;
    double speed;
    double tick_ms;
    double seed;
    bool names, free_port, help, wrong;
};

static int complain(const char *what, const char *detail)
{
    fprintf(stderr, "fleetlog-demo-driver: %s%s%s\n", what, *detail ? ": " : "", detail);
    return EXIT_FAILURE;
}

static void read_arguments(int argc, char **argv, struct arguments *arguments)
{
    static const struct option options[] = {
        {"state", required_argument, NULL, 's'},
        {"fleet", required_argument, NULL, 'f'},
        {"scenarios", required_argument, NULL, 'd'},
        {"control", required_argument, NULL, 'c'},
        {"ask", required_argument, NULL, 'a'},
        {"speed", required_argument, NULL, 'x'},
        {"tick-ms", required_argument, NULL, 't'},
        {"seed", required_argument, NULL, 'r'},
        {"names", no_argument, NULL, 'n'},
        {"free-port", no_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char **texts[] = {['s'] = &arguments->state,
                            ['f'] = &arguments->fleet,
                            ['d'] = &arguments->scenarios,
                            ['c'] = &arguments->control,
                            ['a'] = &arguments->ask};
    int option = 0;
    /* "+": what follows --ask belongs to it */
    while ((option = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
        if (option == 'x')
            arguments->wrong |= !fl_scenario_number(optarg, 1e5, &arguments->speed);
        else if (option == 't')
            arguments->wrong |= !fl_scenario_number(optarg, 6e4, &arguments->tick_ms);
        else if (option == 'r')
            arguments->wrong |= !fl_scenario_number(optarg, 1e15, &arguments->seed);
        else if (option == 'n')
            arguments->names = true;
        else if (option == 'p')
            arguments->free_port = true;
        else if (option == 'h')
            arguments->help = true;
        else if (option == '?')
            arguments->wrong = true;
        else
            *texts[option] = optarg;
    }
    arguments->wrong |= arguments->tick_ms < 1;
    arguments->wrong |= !arguments->ask && optind < argc;
}

static int print_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) ||
        getsockname(fd, (struct sockaddr *)&address, &size)) {
        if (fd >= 0)
            close(fd);
        return complain("no free port", strerrordesc_np(errno));
    }
    printf("%u\n", ntohs(address.sin_port));
    close(fd);
    return EXIT_SUCCESS;
}

static bool send_words(int fd, char **words)
{
    char line[4096];
    size_t size = 0;
    for (; *words; words++) {
        char quoted[1200];
        if (!fl_words_quote(*words, quoted, sizeof(quoted)) ||
            size + strlen(quoted) + 2 > sizeof(line))
            return false;
        size += (size_t)snprintf(line + size, sizeof(line) - size, "%s ", quoted);
    }
    line[size++] = '\n';
    return send(fd, line, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* Copies data lines to stdout until the line that begins with OK or ERR. */
static int print_answer(int fd)
{
    char line[4096];
    FILE *in = fdopen(fd, "r");
    int code = EXIT_FAILURE;
    bool answered = false;
    if (!in) {
        close(fd);
        return complain("no memory", "");
    }
    while (!answered && fgets(line, sizeof(line), in)) {
        answered = !strcmp(line, "OK\n") || !strncmp(line, "ERR ", 4);
        if (!strcmp(line, "OK\n"))
            code = EXIT_SUCCESS;
        else
            fputs(line, answered ? stderr : stdout);
    }
    fclose(in);
    return answered ? code : complain("no answer from the control socket", "");
}

static int ask(const char *path, char **words)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval deadline = {.tv_sec = ANSWER_DEADLINE_S};
    if (strlen(path) >= sizeof(address.sun_path) || !*words)
        return complain("the path is too long or there is nothing to say", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return complain("socket", strerrordesc_np(errno));
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline)) ||
        connect(fd, (const struct sockaddr *)&address, sizeof(address)) || !send_words(fd, words)) {
        int saved = errno;
        close(fd);
        return complain(path, strerrordesc_np(saved));
    }
    return print_answer(fd);
}

static int stop_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL))
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static enum fl_error add_all(struct fl_driver *driver, const struct fl_fleet *fleet, uint64_t seed)
{
    enum fl_error error = FL_OK;
    int64_t wall_ms = fl_port_wall_ms(fl_port_system());
    for (unsigned i = 0; i < fleet->count && !error; i++) {
        const struct fl_fleet_member *member = &fleet->members[i];
        struct fl_ups_options options = {
            .name = member->name, .seed = seed, .delay_s = member->delay_s, .wall_ms = wall_ms};
        error = fl_driver_add(driver, member->scenario, &options);
        if (error)
            complain(member->name, fl_error_text(error));
    }
    return error;
}

static int serve(const struct arguments *arguments, const struct fl_fleet *fleet)
{
    struct fl_driver *driver = NULL;
    struct fl_driver_options options = {.directory = arguments->state,
                                        .control = arguments->control,
                                        .speed = arguments->speed,
                                        .tick_ms = (unsigned)arguments->tick_ms,
                                        .port = fl_port_system()};
    int stop_fd = stop_signals();
    if (stop_fd < 0)
        return complain("signalfd", strerrordesc_np(errno));
    enum fl_error error = fl_driver_open(&options, &driver);
    if (error)
        complain("cannot listen", fl_error_text(error));
    else
        error = add_all(driver, fleet, (uint64_t)arguments->seed);
    if (!error) {
        printf("ready ups=%u\n", fleet->count);
        fflush(stdout);
        error = fl_driver_run(driver, stop_fd);
    }
    fl_driver_close(&driver);
    close(stop_fd);
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.speed = 1, .tick_ms = 500, .seed = 1};
    struct fl_fleet *fleet = NULL;
    char message[1024];
    int code = EXIT_SUCCESS;
    read_arguments(argc, argv, &arguments);
    bool works = arguments.fleet && arguments.scenarios && (arguments.state || arguments.names);
    if (arguments.help) {
        fputs(usage_text, stdout);
        return EXIT_SUCCESS;
    }
    if (!arguments.wrong && arguments.free_port)
        return print_free_port();
    if (!arguments.wrong && arguments.ask)
        return ask(arguments.ask, argv + optind);
    if (arguments.wrong || !works) {
        fputs(usage_text, stderr);
        return EXIT_USAGE;
    }
    if (fl_fleet_load(arguments.fleet, arguments.scenarios, &fleet, message, sizeof(message)))
        return complain(message, "");
    if (arguments.names)
        for (unsigned i = 0; i < fleet->count; i++)
            puts(fleet->members[i].name);
    else
        code = serve(&arguments, fleet);
    fl_fleet_free(&fleet);
    return code;
}
