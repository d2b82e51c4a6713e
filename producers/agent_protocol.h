/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The agent's protocol: HTTP/1.1 with JSON, reports as octets. Both sides take their words from
 * here.
 *
 * Every request but ENROL carries four headers; SIGNATURE is base64 (RFC 4648 section 4, padded) of
 * Ed25519 by the agent's key over
 *     "fleetlog-request-v1\n" METHOD "\n" PATH-with-query "\n" time "\n" nonce "\n"
 *     lower-case hex of SHA-256(body)
 * NONCE is a decimal u64 that grows with every request of an agent, over its restarts too. Requests
 * of one agent may overlap and then arrive out of order: 401 asks it to try again under a new
 * nonce. Refusals are problem documents (RFC 9457); one with a member "code" was decided by the log
 * and is final. 400, 413 and 422 blame the request's form and are final, too. Everything else, and
 * no answer at all: the agent backs off and tries again.
 *
 * POST ENROL {claim, agentId, publicKey, proof}: proof is base64 of the signature over
 *     "fleetlog-enrol-v1\n" claim "\n" agentId; 200 {agentId, companyId}. The same again answers
 *     the same.
 * POST DEVICES {upsdAddress, upsName, name, identity{manufacturer, model, serial, firmware},
 *     commands[], variables[]}: 200 {deviceId, deviceNumber, generation}. The same (agent, address,
 *     name) answers the same device.
 * POST DEVICES "/" id CAPABILITIES {identity, commands[], variables[]}: 200.
 * POST REPORTS, octets: u32 count, then count times {u32 device number, u32 size, the report's
 *     bytes, signature of 64 bytes over FL_AGENT_REPORT_LABEL and the bytes}, all big-endian;
 *     200 {accepted, replayed, refused: [{index, reason}]}. Each report is then settled: accepted,
 *     replayed (counter not above the last accepted one) or refused for good.
 * GET COMMANDS "?wait=" seconds: 200 {commands: [{commandId, deviceId, kind, parameter,
 *     expiresAtMs}]}, those that no agent has confirmed yet; kind by its name in common.proto
 *     (COMMAND_KIND_SELF_TEST), numbers as JSON numbers or as text.
 * POST COMMANDS "/" id DELIVERY {}: the agent has stored it durably; 200 {state}. It carries the
 *     command out only if the state is "delivered".
 * POST COMMANDS "/" id ACKNOWLEDGEMENT {}: upsd has taken it; 200.
 * POST COMMANDS "/" id OUTCOME {outcome, variable, value, reportCounter, reason}: outcome
 *     SUCCEEDED, FAILED or EXPIRED; 200.
 * GET FIRMWARE "/" id: 200 {firmwareId, model, version, internalId, fromVersions[], size, sha256,
 * signature} (base64; firmware_manifest.h says what is signed). GET FIRMWARE "/" id IMAGE
 * "?offset=" bytes: 200, octets from there on, 256 KiB at most; none at the end. 410 for an image
 * that is no longer offered. Those of COMMANDS "/" id carry an Idempotency-Key made of the
 * command's id and the last part of the path: sent again after a lost answer they are answered as
 * the first time.
 */
#define FL_AGENT_PATH_ENROL "/agent/v1/enrol"
#define FL_AGENT_PATH_DEVICES "/agent/v1/devices"
#define FL_AGENT_PATH_REPORTS "/agent/v1/reports"
#define FL_AGENT_PATH_COMMANDS "/agent/v1/commands"
#define FL_AGENT_PATH_FIRMWARE "/agent/v1/firmware"
#define FL_AGENT_TAIL_IMAGE "/image"
#define FL_AGENT_TAIL_CAPABILITIES "/capabilities"
#define FL_AGENT_TAIL_DELIVERY "/delivery"
#define FL_AGENT_TAIL_ACKNOWLEDGEMENT "/acknowledgement"
#define FL_AGENT_TAIL_OUTCOME "/outcome"

#define FL_AGENT_HEADER_AGENT "Fleetlog-Agent"
#define FL_AGENT_HEADER_TIME "Fleetlog-Time"
#define FL_AGENT_HEADER_NONCE "Fleetlog-Nonce"
#define FL_AGENT_HEADER_SIGNATURE "Fleetlog-Signature"

#define FL_AGENT_ENROL_LABEL "fleetlog-enrol-v1\n"
#define FL_AGENT_REQUEST_LABEL "fleetlog-request-v1\n"
#define FL_AGENT_REPORT_LABEL "fleetlog-report-v1\n"

/* A command beside upsd's own: this agent can install firmware. */
#define FL_AGENT_OFFER_INSTALL "fleetlog.firmware.install"

#define FL_AGENT_REASON_UNKNOWN_DEVICE "UNKNOWN_DEVICE" /* not this agent's, or removed */

enum {
    FL_AGENT_REPORT_SIZE_MAX = 64 * 1024, /* bytes of one report */
    FL_AGENT_REPORT_COUNT_MAX = 1000,     /* reports of one request */
    FL_AGENT_BODY_SIZE_MAX = 512 * 1024,  /* of a REPORTS request */
    FL_AGENT_WAIT_S_MAX = 60,             /* of COMMANDS */
    FL_AGENT_CLOCK_MS_MAX = 5 * 60 * 1000 /* a request's time from the gateway's */
};
