/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/mailer/smtp.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/address.h"
#include "core/file.h"

enum { PASSWORD_SIZE_MAX = 1024, RECIPIENT_SIZE = FL_ADDRESS_TEXT_SIZE + 2 };

/* The command that the server answered last. */
enum phase { PHASE_BEFORE, PHASE_RECIPIENT, PHASE_DATA };

struct fl_smtp {
    CURL *curl;
    char sender[RECIPIENT_SIZE];
    char password[PASSWORD_SIZE_MAX + 1];
    char error[CURL_ERROR_SIZE];
    enum phase phase;
    char reply[FL_SMTP_REPLY_SIZE];
    struct fl_slice bytes;
    size_t sent;
    bool (*alive)(void *context);
    void *context;
    bool stopped;
    bool leaves; /* it has said QUIT */
};

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static enum fl_error wrong(char detail[FL_CONFIG_DETAIL_SIZE], const char *sentence)
{
    snprintf(detail, FL_CONFIG_DETAIL_SIZE, "%s", sentence);
    return FL_USAGE;
}

enum fl_error fl_smtp_check(const struct fl_config *config, char detail[FL_CONFIG_DETAIL_SIZE])
{
    char from[FL_ADDRESS_TEXT_SIZE];
    const char *url = fl_config_text(config, FL_SETTING_MAIL_SMTP);
    const char *starttls = fl_config_text(config, FL_SETTING_MAIL_STARTTLS);
    const char *user = fl_config_text(config, FL_SETTING_MAIL_USER);
    const char *password = fl_config_text(config, FL_SETTING_MAIL_PASSWORD_FILE);
    if (url[0] == '\0') {
        snprintf(detail, FL_CONFIG_DETAIL_SIZE, "[mail] smtp names no mail server");
        return FL_NOT_FOUND;
    }
    if (!starts_with(url, "smtp://") && !starts_with(url, "smtps://"))
        return wrong(detail, "[mail] smtp must begin with smtp:// or smtps://");
    if (strchr(url, '@') != NULL)
        return wrong(detail, "[mail] smtp must hold no user or password: use user and "
                             "password_file");
    if (fl_address_normalise(fl_slice_text(fl_config_text(config, FL_SETTING_MAIL_FROM)), from) !=
        FL_OK)
        return wrong(detail, "[mail] from must be the address that mail comes from");
    if (strcmp(starttls, "required") != 0 && strcmp(starttls, "offered") != 0 &&
        strcmp(starttls, "never") != 0)
        return wrong(detail, "[mail] starttls must be required, offered or never");
    if ((user[0] == '\0') != (password[0] == '\0'))
        return wrong(detail, "[mail] user and password_file belong together");
    if (user[0] != '\0' && starts_with(url, "smtp://") && strcmp(starttls, "required") != 0)
        return wrong(detail, "[mail] user and password need smtps:// or starttls = required");
    return FL_OK;
}

/* The server's last reply, its codes only: "550 5.1.1". */
static void note_reply(struct fl_smtp *smtp, const char *line, size_t size)
{
    size_t used = 0;
    size_t blanks = 0;
    for (size_t i = 0; i < size && used < sizeof(smtp->reply) - 1; i++) {
        char c = line[i] == '-' ? ' ' : line[i];
        blanks += c == ' ';
        if ((c < '0' || c > '9') && c != '.' && c != ' ')
            break;
        if (blanks > 1)
            break;
        smtp->reply[used++] = c;
    }
    while (used > 0 && smtp->reply[used - 1] == ' ')
        used--;
    smtp->reply[used] = '\0';
}

static int watch(CURL *curl, curl_infotype type, char *data, size_t size, void *context)
{
    struct fl_smtp *smtp = context;
    (void)curl;
    if (type == CURLINFO_HEADER_OUT) {
        /* Said behind a refusal: what counts is what was refused. */
        smtp->leaves = size >= 4 && strncasecmp(data, "QUIT", 4) == 0;
        if (smtp->leaves)
            return 0;
        if (size >= 8 && strncasecmp(data, "RCPT TO:", 8) == 0)
            smtp->phase = PHASE_RECIPIENT;
        else if (size >= 4 && strncasecmp(data, "DATA", 4) == 0)
            smtp->phase = PHASE_DATA;
        else
            smtp->phase = PHASE_BEFORE;
    } else if (type == CURLINFO_HEADER_IN && !smtp->leaves) {
        note_reply(smtp, data, size);
    }
    return 0;
}

static size_t give_bytes(char *buffer, size_t size, size_t count, void *context)
{
    struct fl_smtp *smtp = context;
    size_t room = size * count;
    size_t left = smtp->bytes.size - smtp->sent;
    size_t step = left < room ? left : room;
    if (step != 0)
        memcpy(buffer, smtp->bytes.data + smtp->sent, step);
    smtp->sent += step;
    return step;
}

static int tick(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct fl_smtp *smtp = context;
    (void)a, (void)b, (void)c, (void)d;
    smtp->stopped = smtp->stopped || smtp->alive(smtp->context);
    return smtp->stopped ? 1 : 0;
}

static enum fl_error read_password(const char *path, struct fl_smtp *smtp,
                                   char detail[FL_CONFIG_DETAIL_SIZE])
{
    size_t size = 0;
    if (path[0] == '\0')
        return FL_OK;
    enum fl_error error = fl_file_read(path, smtp->password, PASSWORD_SIZE_MAX, &size);
    if (error != FL_OK) {
        snprintf(detail, FL_CONFIG_DETAIL_SIZE, "[mail] password_file %.200s: %s", path,
                 fl_error_text(error));
        return FL_USAGE;
    }
    smtp->password[size] = '\0';
    smtp->password[strcspn(smtp->password, "\r\n")] = '\0';
    return FL_OK;
}

static void set_options(struct fl_smtp *smtp, const struct fl_config *config)
{
    CURL *curl = smtp->curl;
    const char *starttls = fl_config_text(config, FL_SETTING_MAIL_STARTTLS);
    const char *user = fl_config_text(config, FL_SETTING_MAIL_USER);
    const char *authority = fl_config_text(config, FL_SETTING_MAIL_CA_FILE);
    long use = strcmp(starttls, "required") == 0  ? CURLUSESSL_ALL
               : strcmp(starttls, "offered") == 0 ? CURLUSESSL_TRY
                                                  : CURLUSESSL_NONE;
    curl_easy_setopt(curl, CURLOPT_URL, fl_config_text(config, FL_SETTING_MAIL_SMTP));
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(curl, CURLOPT_USE_SSL, use);
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, smtp->sender);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)FL_SMTP_CONNECT_MS_MAX);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)FL_SMTP_MAIL_MS_MAX);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_bytes);
    curl_easy_setopt(curl, CURLOPT_READDATA, smtp);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, tick);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, smtp);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, smtp->error);
    /* Told what goes over the line: the only way to know which command was refused. */
    curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
    curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, watch);
    curl_easy_setopt(curl, CURLOPT_DEBUGDATA, smtp);
    if (authority[0] != '\0')
        curl_easy_setopt(curl, CURLOPT_CAINFO, authority);
    if (user[0] != '\0') {
        curl_easy_setopt(curl, CURLOPT_USERNAME, user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, smtp->password);
    }
}

enum fl_error fl_smtp_open(const struct fl_config *config, char detail[FL_CONFIG_DETAIL_SIZE],
                           struct fl_smtp **out)
{
    char from[FL_ADDRESS_TEXT_SIZE];
    enum fl_error error = fl_smtp_check(config, detail);
    if (error != FL_OK)
        return error;
    struct fl_smtp *smtp = calloc(1, sizeof(*smtp));
    if (smtp == NULL)
        return FL_NO_MEMORY;
    error = fl_address_normalise(fl_slice_text(fl_config_text(config, FL_SETTING_MAIL_FROM)), from);
    if (error == FL_OK) {
        snprintf(smtp->sender, sizeof(smtp->sender), "<%s>", from);
        error = read_password(fl_config_text(config, FL_SETTING_MAIL_PASSWORD_FILE), smtp, detail);
    }
    if (error == FL_OK && (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
                           (smtp->curl = curl_easy_init()) == NULL))
        error = FL_NO_MEMORY;
    if (error != FL_OK) {
        fl_smtp_close(&smtp);
        return error;
    }
    set_options(smtp, config);
    *out = smtp;
    return FL_OK;
}

void fl_smtp_close(struct fl_smtp **smtp)
{
    if (*smtp == NULL)
        return;
    if ((*smtp)->curl != NULL)
        curl_easy_cleanup((*smtp)->curl);
    free(*smtp);
    *smtp = NULL;
}

static enum fl_smtp_outcome outcome_of(const struct fl_smtp *smtp, CURLcode code)
{
    if (code == CURLE_OK)
        return FL_SMTP_SENT;
    if (smtp->stopped)
        return FL_SMTP_STOPPED;
    /* A reply to RCPT or to the end of DATA; a connection that broke has none. */
    if (smtp->phase == PHASE_BEFORE || code == CURLE_OPERATION_TIMEDOUT ||
        code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR)
        return FL_SMTP_UNREACHABLE;
    switch (smtp->reply[0]) {
    case '5':
        return FL_SMTP_REFUSED;
    case '4':
        /* 421: the server is about to close. */
        return strncmp(smtp->reply, "421", 3) == 0 ? FL_SMTP_UNREACHABLE : FL_SMTP_LATER;
    default:
        return FL_SMTP_UNREACHABLE;
    }
}

void fl_smtp_send(struct fl_smtp *smtp, const char *to, struct fl_slice bytes,
                  bool (*alive)(void *context), void *context, struct fl_smtp_result *result)
{
    char recipient[RECIPIENT_SIZE];
    struct curl_slist *recipients = NULL;
    *result = (struct fl_smtp_result){.outcome = FL_SMTP_UNREACHABLE};
    snprintf(recipient, sizeof(recipient), "<%s>", to);
    recipients = curl_slist_append(NULL, recipient);
    if (recipients == NULL) {
        snprintf(result->detail, sizeof(result->detail), "no memory");
        return;
    }
    smtp->phase = PHASE_BEFORE;
    smtp->reply[0] = smtp->error[0] = '\0';
    smtp->bytes = bytes;
    smtp->sent = 0;
    smtp->alive = alive;
    smtp->context = context;
    smtp->stopped = smtp->leaves = false;
    curl_easy_setopt(smtp->curl, CURLOPT_MAIL_RCPT, recipients);
    curl_easy_setopt(smtp->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)bytes.size);
    CURLcode code = curl_easy_perform(smtp->curl);
    result->outcome = outcome_of(smtp, code);
    snprintf(result->reply, sizeof(result->reply), "%s", smtp->reply);
    /* libcurl's own text has no address in it until RCPT. */
    if (result->outcome == FL_SMTP_UNREACHABLE)
        snprintf(result->detail, sizeof(result->detail), "%s",
                 smtp->phase == PHASE_BEFORE && smtp->error[0] != '\0' ? smtp->error
                                                                       : curl_easy_strerror(code));
    curl_easy_setopt(smtp->curl, CURLOPT_MAIL_RCPT, NULL);
    curl_slist_free_all(recipients);
}
