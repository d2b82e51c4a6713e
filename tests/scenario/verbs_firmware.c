/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences about firmware. */
#include "fleetlog/v1/firmware.pb-c.h"
#include "tests/scenario/scenario.h"

static void publish(struct scenario *s, const struct arguments *a)
{
    static char names[LIST_COUNT_MAX][32];
    const char *stones[16];
    uint8_t bytes[64] = {7};
    INIT(PublishFirmware, action, publish_firmware);
    action.firmware_id = id_of("firmware", a->texts[3]);
    action.version = a->texts[0];
    action.model = a->texts[1];
    action.n_from_versions = split_list(s, a->texts[2], names);
    for (size_t i = 0; i < action.n_from_versions; i++)
        stones[i] = names[i];
    action.from_versions = stones;
    action.size = 4096;
    action.sha256 = (ProtobufCBinaryData){32, bytes};
    action.signature = (ProtobufCBinaryData){sizeof(bytes), bytes};
    request(s, &action.base);
}

static void withdraw(struct scenario *s, const struct arguments *a)
{
    INIT(WithdrawFirmware, action, withdraw_firmware);
    action.firmware_id = id_of("firmware", a->texts[0]);
    request(s, &action.base);
}

static void upgrade(struct scenario *s, const struct arguments *a)
{
    INIT(RequestCommand, action, request_command);
    action.command_id = id_of("command", a->texts[2]);
    action.device_id = id_of("device", a->texts[0]);
    action.kind = FLEETLOG__V1__COMMAND_KIND__COMMAND_KIND_FIRMWARE_UPGRADE;
    action.parameter = id_of("firmware", a->texts[1]);
    action.ttl_ms = 600000;
    request(s, &action.base);
}

/* An agent that can install firmware says so. */
static void describe_installable(struct scenario *s, const struct arguments *a)
{
    static const char *commands[] = {"fleetlog.firmware.install"};
    Fleetlog__V1__DeviceIdentity identity = FLEETLOG__V1__DEVICE_IDENTITY__INIT;
    INIT(ReportCapabilities, action, report_capabilities);
    identity.model = a->texts[1];
    identity.firmware = a->texts[2];
    action.device_id = id_of("device", a->texts[0]);
    action.identity = &identity;
    action.commands = commands;
    action.n_commands = 1;
    request(s, &action.base);
}

const struct pattern firmware_patterns[] = {
    {"publishes firmware $w for $q from $l as $w", publish},
    {"withdraws firmware $w", withdraw},
    {"upgrades $w with $w as $w", upgrade},
    {"can install firmware on $w of model $q with $q", describe_installable},
    {NULL, NULL},
};
