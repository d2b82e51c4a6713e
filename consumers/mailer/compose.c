/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/mailer/compose.h"

#include <stdio.h>
#include <string.h>

#include "consumers/mailer/about.h"
#include "consumers/mailer/attach.h"
#include "core/address.h"
#include "core/assert.h"
#include "core/bytes.h"
#include "projections/people/people.h"
#include "projections/registry/registry.h"
#include "schemas/codec.h"

enum { DEVICES_NAMED_MAX = 10, NEWS_MS_MAX = 24 * 60 * 60 * 1000 };

void fl_values_add(struct values *values, const char *name, const char *value)
{
    fl_assert(values->count < VALUE_COUNT_MAX);
    values->values[values->count++] = (struct fl_template_value){name, value};
}

const char *fl_mail_time(struct fl_arena *arena, int64_t time_ms)
{
    char text[FL_TIMESTAMP_TEXT_SIZE];
    if (time_ms <= 0 || time_ms > FL_TIMESTAMP_MS_MAX)
        return "";
    fl_timestamp_format(time_ms, text);
    return fl_arena_printf(arena, "%.10s %.5s UTC", text, text + 11);
}

/* The sealed profile; COMPOSED, or why there is none. */
static enum fl_composed find_sealed(const struct fl_composer *c, struct fl_slice id, bool is_last,
                                    uint64_t *revision, struct fl_slice *bytes)
{
    /* Nobody writes to somebody erased about what was under way; of the erasure itself he is told
     * while the profile can still be read. */
    bool erased = fl_people_is_erased(c->people, id);
    if (erased != is_last)
        return erased ? FL_COMPOSED_NO_ADDRESS : FL_COMPOSED_LATER;
    bool found = *revision == 0 ? fl_people_sealed(c->people, id, revision, bytes)
                                : fl_people_sealed_revision(c->people, id, *revision, bytes);
    if (found)
        return FL_COMPOSED;
    if (c->people->error != FL_OK)
        return FL_COMPOSED_FAILED;
    return fl_people_revision(c->people, id) == 0 && !is_last ? FL_COMPOSED_LATER
                                                              : FL_COMPOSED_NO_ADDRESS;
}

static enum fl_composed find_address(const struct fl_composer *c, const char *subject_id,
                                     bool is_last, uint64_t revision, const char **address)
{
    struct fl_slice bytes;
    ProtobufCMessage *message = NULL;
    enum fl_composed found = find_sealed(c, fl_slice_text(subject_id), is_last, &revision, &bytes);
    if (found != FL_COMPOSED)
        return found;
    if (fl_message_decode(c->arena, &fleetlog__v1__sealed_profile__descriptor, bytes, &message) !=
        FL_OK)
        return c->arena->exhausted ? FL_COMPOSED_FAILED : FL_COMPOSED_NO_ADDRESS;
    const Fleetlog__V1__SealedProfile *sealed = (const void *)message;
    char *key = fl_arena_printf(c->arena, "%s/%llu", subject_id, (unsigned long long)revision);
    uint8_t *plain = fl_arena_alloc(c->arena, sealed->ciphertext.len + 1);
    if (key == NULL || plain == NULL)
        return FL_COMPOSED_FAILED;
    if (sealed->nonce.len != FL_SEAL_NONCE_SIZE || sealed->ciphertext.len < FL_SEAL_TAG_SIZE)
        return FL_COMPOSED_NO_ADDRESS;
    struct fl_slice cipher = fl_slice_of(sealed->ciphertext.data, sealed->ciphertext.len);
    enum fl_error error = fl_keyring_open_sealed(c->keyring, sealed->epoch, fl_slice_text(key),
                                                 sealed->nonce.data, cipher, plain);
    if (error == FL_KEYRING)
        return FL_COMPOSED_LATER;
    if (error != FL_OK ||
        fl_message_decode(c->arena, &fleetlog__v1__profile__descriptor,
                          fl_slice_of(plain, cipher.size - FL_SEAL_TAG_SIZE), &message) != FL_OK)
        return FL_COMPOSED_NO_ADDRESS;
    char normalised[FL_ADDRESS_TEXT_SIZE];
    const Fleetlog__V1__Profile *profile = (const void *)message;
    if (fl_address_normalise(fl_slice_text(profile->address), normalised) != FL_OK)
        return FL_COMPOSED_NO_ADDRESS;
    *address = fl_arena_text(c->arena, fl_slice_text(normalised));
    return *address == NULL ? FL_COMPOSED_FAILED : FL_COMPOSED;
}

enum fl_composed fl_compose_address(const struct fl_composer *c, const char *subject_id,
                                    uint64_t revision, const char **address)
{
    return find_address(c, subject_id, false, revision, address);
}

void fl_mail_id(const char *event_id, const char *subject_id, Fleetlog__V1__MailKind kind,
                char out[FL_ID_TEXT_SIZE])
{
    uint8_t number[4];
    fl_put_u32(number, (uint32_t)kind);
    struct fl_slice parts[] = {fl_slice_text(event_id), fl_slice_text(subject_id),
                               fl_slice_of(number, sizeof(number))};
    fl_id_derive("mail", parts, 3, out);
}

const char *fl_compose_unsubscribe(const struct fl_composer *c, const char *subject_id,
                                   Fleetlog__V1__MailKind kind)
{
    char secret[FL_LINK_SECRET_SIZE];
    uint32_t generation = fl_keyring_link_generation(c->keyring);
    if (fl_link_secret(c->keyring, FL_LINK_UNSUBSCRIBE, fl_slice_text(subject_id), generation,
                       secret) != FL_OK)
        return NULL;
    return fl_arena_printf(c->arena, "%s/unsubscribe?kind=%d&generation=%u&token=%s", c->public_url,
                           (int)kind, generation, secret);
}

enum fl_composed fl_compose_finish(const struct fl_composer *c, const char *name,
                                   const struct values *values, const char *unsubscribe,
                                   struct fl_mail *mail)
{
    struct fl_rendered rendered;
    const struct fl_template_values all = {values->values, values->count};
    const char *domain = strchr(c->from, '@');
    fl_assert(domain != NULL);
    char *message_id = fl_arena_printf(c->arena, "%s%s", mail->id, domain);
    if (message_id == NULL || c->arena->exhausted ||
        !fl_template_render(c->arena, name, &all, &rendered))
        return FL_COMPOSED_FAILED;
    const struct fl_message message = {
        .from = c->from,
        .to = mail->to,
        .subject = rendered.subject,
        .message_id = message_id,
        .list_unsubscribe = unsubscribe,
        .date_ms = c->now_ms,
        .text = rendered.text,
        .html = rendered.html,
        .attachments = values->attachments,
        .attachment_count = values->attachment_count,
    };
    enum fl_error error = fl_message_build(c->arena, &message, &mail->bytes);
    if (error == FL_INVALID)
        return FL_COMPOSED_NO_ADDRESS;
    return error == FL_OK ? FL_COMPOSED : FL_COMPOSED_FAILED;
}

enum { FL_LINK_NONE = FL_LINK_COUNT };

static const struct mail_rule {
    Fleetlog__V1__MailKind kind;
    const char *name;
    unsigned link; /* an enum fl_link, or FL_LINK_NONE */
} rules[] = {
#define FL_MAIL(kind, name, link) {FLEETLOG__V1__MAIL_KIND__MAIL_KIND_##kind, name, FL_LINK_##link},
#include "consumers/mailer/mails.def"
#undef FL_MAIL
};

static const char *company_name(const struct fl_composer *c, const char *company_id)
{
    const fl_company_row *row =
        fl_registry_company(c->registry, c->arena, fl_slice_text(company_id));
    return row == NULL ? "somebody" : row->name;
}

/* "3 UPSes", and the names of the first of them, a line each. */
static bool add_devices(const struct fl_composer *c, struct values *values,
                        enum fl_registry_index list, const char *owner_id, uint32_t count)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    const char *names = "";
    uint32_t named = 0;
    fl_key_list(&key, list, fl_slice_text(owner_id));
    fl_kv_walk_begin(&walk, c->registry, FL_TABLE_INDEX, fl_key_slice(&key));
    while (names != NULL && named < DEVICES_NAMED_MAX && fl_kv_walk_next(&walk)) {
        fl_key_tail_id(walk.key, id);
        const fl_device_row *device = fl_registry_device(c->registry, c->arena, fl_slice_text(id));
        if (device == NULL)
            continue;
        names = fl_arena_printf(c->arena, "%s%s%s", names, named == 0 ? "" : "\n", device->name);
        named++;
    }
    if (names != NULL && count > named)
        names = fl_arena_printf(c->arena, "%s\nand %u more", names, count - named);
    fl_values_add(values, "devices", names);
    fl_values_add(values, "count_text",
                  count == 1 ? "a UPS" : fl_arena_printf(c->arena, "%u UPSes", count));
    return names != NULL;
}

static struct about about_invitation(const struct fl_composer *c, const char *id)
{
    const fl_invitation_row *row = fl_registry_invitation(c->registry, c->arena, fl_slice_text(id));
    if (row == NULL)
        return (struct about){false, NULL, 0, 0};
    return (struct about){fl_invitation_state_at(row->state, row->expires_at_ms, c->now_ms) ==
                              FL_INVITATION_OUTSTANDING,
                          row->company_id, row->expires_at_ms, row->link_key_generation};
}

static struct about about_share(const struct fl_composer *c, const char *id, struct values *values)
{
    const fl_share_row *row = fl_registry_share(c->registry, c->arena, fl_slice_text(id));
    if (row == NULL || fl_share_state_at(row->state, row->expires_at_ms, row->grant_expires_at_ms,
                                         c->now_ms) != FL_SHARE_PENDING)
        return (struct about){false, NULL, 0, 0};
    fl_values_add(values, "grant_expires", fl_mail_time(c->arena, row->grant_expires_at_ms));
    bool good = add_devices(c, values, FL_INDEX_SHARE_DEVICES, id, row->device_count);
    return (struct about){good, row->company_id, row->expires_at_ms, row->link_key_generation};
}

static struct about about_transfer(const struct fl_composer *c, const char *id,
                                   struct values *values)
{
    const fl_transfer_row *row =
        fl_row_by_id(c->registry, c->arena, FL_TABLE_TRANSFERS, fl_slice_text(id));
    if (row == NULL || row->state != FL_TRANSFER_OFFERED || c->now_ms >= row->expires_at_ms)
        return (struct about){false, NULL, 0, 0};
    bool good = add_devices(c, values, FL_INDEX_TRANSFER_DEVICES, id, row->device_count);
    return (struct about){good, row->company_id, row->expires_at_ms, row->link_key_generation};
}

static struct about about_sign_up(const struct fl_composer *c, const char *id,
                                  struct values *values)
{
    const fl_sign_up_row *row =
        fl_row_by_id(c->registry, c->arena, FL_TABLE_SIGN_UPS, fl_slice_text(id));
    if (row == NULL || c->now_ms >= row->expires_at_ms)
        return (struct about){false, NULL, 0, 0};
    fl_values_add(values, "company", row->company_name);
    return (struct about){true, NULL, row->expires_at_ms, row->link_key_generation};
}

static struct about about_account(const struct fl_composer *c, enum fl_registry_table table,
                                  const char *id)
{
    const fl_account_link_row *row = fl_row_by_id(c->registry, c->arena, table, fl_slice_text(id));
    if (row == NULL || c->now_ms >= row->expires_at_ms)
        return (struct about){false, NULL, 0, 0};
    return (struct about){true, NULL, row->expires_at_ms, row->link_key_generation};
}

/* News without a link of its own: it is about what has happened, and grows old. */
static struct about about_news(const struct fl_composer *c, const fl_outbox_row *row)
{
    return (struct about){c->now_ms - row->at_ms < NEWS_MS_MAX, NULL, 0, 0};
}

static struct about look_at(const struct fl_composer *c, const fl_outbox_row *row,
                            struct values *values)
{
    switch ((int)row->kind) {
    case FLEETLOG__V1__MAIL_KIND__MAIL_KIND_INVITATION:
        return about_invitation(c, row->thing_id);
    case FLEETLOG__V1__MAIL_KIND__MAIL_KIND_SHARE_OFFER:
        return about_share(c, row->thing_id, values);
    case FLEETLOG__V1__MAIL_KIND__MAIL_KIND_TRANSFER_OFFER:
        return about_transfer(c, row->thing_id, values);
    case FLEETLOG__V1__MAIL_KIND__MAIL_KIND_SIGN_UP:
        return about_sign_up(c, row->thing_id, values);
    case FLEETLOG__V1__MAIL_KIND__MAIL_KIND_PASSWORD_RESET:
        return about_account(c, FL_TABLE_PASSWORD_RESETS, row->thing_id);
    case FLEETLOG__V1__MAIL_KIND__MAIL_KIND_ADDRESS_CHANGE:
        return about_account(c, FL_TABLE_ADDRESS_CHANGES, row->thing_id);
    case FLEETLOG__V1__MAIL_KIND__MAIL_KIND_RESELLER_OFFER:
    case FLEETLOG__V1__MAIL_KIND__MAIL_KIND_RENEWAL_NOTICE:
    case FLEETLOG__V1__MAIL_KIND__MAIL_KIND_RESELLER_REMINDER:
    case FLEETLOG__V1__MAIL_KIND__MAIL_KIND_RENEWALS_REPORT:
        return fl_about_reseller(c, row, values);
    case FLEETLOG__V1__MAIL_KIND__MAIL_KIND_LICENSE_CODE:
        return fl_about_license(c, row, values);
    case FLEETLOG__V1__MAIL_KIND__MAIL_KIND_OWNER_NOTICE:
        return fl_about_owner_notice(c, row, values);
    case FLEETLOG__V1__MAIL_KIND__MAIL_KIND_LICENSE_ENDED:
        return fl_about_license_ended(c, row, values);
    case FLEETLOG__V1__MAIL_KIND__MAIL_KIND_ERASURE_REQUESTED:
        return fl_about_erasure(c, row, values);
    case FLEETLOG__V1__MAIL_KIND__MAIL_KIND_SIGN_UP_KNOWN:
    case FLEETLOG__V1__MAIL_KIND__MAIL_KIND_ADDRESS_CHANGED:
        return about_news(c, row);
    default:
        return (struct about){false, NULL, 0, 0};
    }
}

static const struct mail_rule *rule_of(Fleetlog__V1__MailKind kind)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].kind == kind)
            return &rules[i];
    return NULL;
}

enum fl_composed fl_compose_outbox(const struct fl_composer *c, const fl_outbox_row *row,
                                   struct fl_mail *mail)
{
    struct values values = {.count = 0};
    char link[FL_LINK_SIZE_MAX];
    const struct mail_rule *rule = rule_of(row->kind);
    memset(mail, 0, sizeof(*mail));
    fleetlog__v1__mail_cause__init(&mail->cause);
    mail->cause.event_id = row->event_id;
    mail->cause.sequence = row->sequence;
    mail->cause.kind = row->kind;
    mail->subject_id = row->subject_id;
    fl_mail_id(row->event_id, row->subject_id, row->kind, mail->id);
    struct about about = look_at(c, row, &values);
    if (c->registry->error != FL_OK || c->arena->exhausted)
        return FL_COMPOSED_FAILED;
    bool refusable = fl_mail_may_be_refused(row->kind);
    if (rule == NULL || !about.lives ||
        (refusable && fl_mail_is_refused(c->registry, c->arena, row->kind, row->subject_id)))
        return FL_COMPOSED_WITHDRAWN;
    bool is_last = row->kind == FLEETLOG__V1__MAIL_KIND__MAIL_KIND_ERASURE_REQUESTED;
    enum fl_composed composed = find_address(c, row->subject_id, is_last, row->revision, &mail->to);
    if (composed != FL_COMPOSED)
        return composed;
    /* The thing's own generation: one that was sent again has a newer one than this event. */
    enum fl_error error =
        rule->link == FL_LINK_NONE
            ? FL_OK
            : fl_link_url(c->keyring, (enum fl_link)rule->link, fl_slice_text(row->thing_id),
                          about.generation, c->public_url, link);
    if (error != FL_OK)
        return error == FL_KEYRING ? FL_COMPOSED_LATER : FL_COMPOSED_FAILED;
    if (rule->link == FL_LINK_NONE)
        snprintf(link, sizeof(link), "%s", c->public_url);
    const char *company = about.company_id == NULL ? "" : company_name(c, about.company_id);
    fl_values_add(&values, "company", company);
    fl_values_add(&values, "link", link);
    fl_values_add(&values, "expires", fl_mail_time(c->arena, about.expires_at_ms));
    fl_values_add(&values, "title", "fleetlog");
    fl_values_add(&values, "accent", "#1d4ed8");
    struct fl_attachment files[FL_ATTACHED_COUNT];
    values.attachments = files;
    if (row->kind == FLEETLOG__V1__MAIL_KIND__MAIL_KIND_RENEWALS_REPORT)
        values.attachment_count = fl_attach_renewals(c, about.company_id, files);
    const char *unsubscribe =
        refusable ? fl_compose_unsubscribe(c, row->subject_id, row->kind) : NULL;
    fl_values_add(&values, "unsubscribe", unsubscribe == NULL ? "" : unsubscribe);
    fl_values_add(&values, "why",
                  company[0] == '\0'
                      ? "You get this mail because somebody gave your address to fleetlog."
                      : fl_arena_printf(c->arena,
                                        "You get this mail because %s gave your address to "
                                        "fleetlog.",
                                        company));
    return fl_compose_finish(c, rule->name, &values, unsubscribe, mail);
}
