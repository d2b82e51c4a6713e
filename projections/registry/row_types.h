/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Short names for the generated row types of rows.proto. A row that was read lives in the arena
 * that it was read into; its texts are never NULL.
 *
 * Threading: types only. Allocation: none.
 */
#include "projections/registry/rows.pb-c.h"

typedef Fleetlog__Rows__V1__LogRow fl_log_row;
typedef Fleetlog__Rows__V1__NodeRow fl_node_row;
typedef Fleetlog__Rows__V1__CompanyRow fl_company_row;
typedef Fleetlog__Rows__V1__AccountRow fl_account_row;
typedef Fleetlog__Rows__V1__SubjectRow fl_subject_row;
typedef Fleetlog__Rows__V1__AddressRow fl_address_row;
typedef Fleetlog__Rows__V1__InvitationRow fl_invitation_row;
typedef Fleetlog__Rows__V1__ClaimRow fl_claim_row;
typedef Fleetlog__Rows__V1__AgentRow fl_agent_row;
typedef Fleetlog__Rows__V1__DeviceRow fl_device_row;
typedef Fleetlog__Rows__V1__CapabilitiesRow fl_capabilities_row;
typedef Fleetlog__Rows__V1__IdentityRow fl_identity_row;
typedef Fleetlog__Rows__V1__DeviceNumberRow fl_device_number_row;
typedef Fleetlog__Rows__V1__ShareRow fl_share_row;
typedef Fleetlog__Rows__V1__GrantRow fl_grant_row;
typedef Fleetlog__Rows__V1__CommandRow fl_command_row;
typedef Fleetlog__Rows__V1__ConditionRow fl_condition_row;
typedef Fleetlog__Rows__V1__OutcomeRow fl_outcome_row;
typedef Fleetlog__Rows__V1__AliasRow fl_alias_row;
typedef Fleetlog__Rows__V1__FirmwareRow fl_firmware_row;
typedef Fleetlog__Rows__V1__TransferRow fl_transfer_row;
typedef Fleetlog__Rows__V1__OutboxRow fl_outbox_row;
typedef Fleetlog__Rows__V1__AlertRow fl_alert_row;
typedef Fleetlog__Rows__V1__PolicyRow fl_policy_row;
typedef Fleetlog__Rows__V1__EpochRow fl_epoch_row;
typedef Fleetlog__Rows__V1__LinkKeyRow fl_link_key_row;
typedef Fleetlog__Rows__V1__ErasureRow fl_erasure_row;
typedef Fleetlog__Rows__V1__LoginRow fl_login_row;
typedef Fleetlog__Rows__V1__SessionRow fl_session_row;
typedef Fleetlog__Rows__V1__ApiTokenRow fl_api_token_row;
typedef Fleetlog__Rows__V1__SignUpRow fl_sign_up_row;
typedef Fleetlog__Rows__V1__AccountLinkRow fl_account_link_row;
typedef Fleetlog__Rows__V1__LicenseRow fl_license_row;
typedef Fleetlog__Rows__V1__ApplicationRow fl_application_row;
typedef Fleetlog__Rows__V1__CoverageRow fl_coverage_row;
typedef Fleetlog__Rows__V1__CoveringNode fl_covering_node;
