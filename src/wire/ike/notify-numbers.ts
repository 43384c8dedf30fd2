// Notify message types of IKEv2 (RFC 7296 §3.10.1 and the registry "IKEv2 Parameters"). Below 16384 stand errors, from
// there on statuses; of either kind, a type that is not known is passed over unless it is an error in a response.
import { numberTable } from './number-table.ts'

/** The first number that is no error. */
export const FIRST_STATUS = 16384

export const notifyErrors = numberTable('error notify type', {
  UNSUPPORTED_CRITICAL_PAYLOAD: [1, 'a critical payload is not known', 'RFC 7296 §2.5'],
  INVALID_IKE_SPI: [4, 'no IKE SA has this SPI', 'RFC 7296 §2.21'],
  INVALID_MAJOR_VERSION: [5, 'the version of IKE is not spoken', 'RFC 7296 §2.5'],
  INVALID_SYNTAX: [7, 'a message does not have the form it has to have', 'RFC 7296 §2.21'],
  INVALID_MESSAGE_ID: [9, 'a message is outside of the window', 'RFC 7296 §2.3'],
  INVALID_SPI: [11, 'ESP or AH came for an SA that is not there', 'RFC 7296 §1.5'],
  NO_PROPOSAL_CHOSEN: [14, 'no proposal can be accepted', 'RFC 7296 §2.7'],
  INVALID_KE_PAYLOAD: [17, 'another key exchange method is wanted', 'RFC 7296 §1.2'],
  AUTHENTICATION_FAILED: [24, 'the peer has not proved who it is', 'RFC 7296 §2.21.2'],
  SINGLE_PAIR_REQUIRED: [34, 'selectors of a single pair of addresses are wanted', 'RFC 7296 §2.9'],
  NO_ADDITIONAL_SAS: [35, 'no more Child SAs on this IKE SA', 'RFC 7296 §1.3'],
  INTERNAL_ADDRESS_FAILURE: [36, 'no inner address can be given', 'RFC 7296 §2.19'],
  FAILED_CP_REQUIRED: [37, 'the peer has to ask for configuration', 'RFC 7296 §2.19'],
  TS_UNACCEPTABLE: [38, 'no traffic selector can be accepted', 'RFC 7296 §2.9'],
  INVALID_SELECTORS: [39, 'a packet came that is not of its SA', 'RFC 7296 §3.10.1'],
  UNACCEPTABLE_ADDRESSES: [40, 'the new addresses are refused', 'RFC 4555 §3.5'],
  UNEXPECTED_NAT_DETECTED: [41, 'a NAT is on the way where none may be', 'RFC 4555 §3.9'],
  USE_ASSIGNED_HOA: [42, 'the home address that was given has to be used', 'RFC 5026'],
  TEMPORARY_FAILURE: [43, 'not now: a rekey or a deletion is under way', 'RFC 7296 §2.25'],
  CHILD_SA_NOT_FOUND: [44, 'the Child SA to rekey is not there', 'RFC 7296 §2.25'],
  INVALID_GROUP_ID: [45, 'no such group', 'RFC 9838'],
  AUTHORIZATION_FAILED: [46, 'the peer may not join the group', 'RFC 9838'],
  STATE_NOT_FOUND: [47, 'no key exchange is under way that this one would follow', 'RFC 9370 §2.2.4'],
  TS_MAX_QUEUE: [48, 'no more Child SAs for these selectors', 'RFC 9611'],
  REGISTRATION_FAILED: [49, 'the member cannot take part in the group', 'RFC 9838'],
})

export const notifyStatuses = numberTable('status notify type', {
  INITIAL_CONTACT: [16384, 'the sender has no other SA with this peer', 'RFC 7296 §2.4'],
  SET_WINDOW_SIZE: [16385, 'so many requests may be under way', 'RFC 7296 §2.3'],
  ADDITIONAL_TS_POSSIBLE: [16386, 'more selectors would be accepted for further SAs', 'RFC 7296 §2.9'],
  IPCOMP_SUPPORTED: [16387, 'IP compression can be used', 'RFC 7296 §2.22'],
  NAT_DETECTION_SOURCE_IP: [16388, 'hash of the address the sender knows as its own', 'RFC 7296 §2.23'],
  NAT_DETECTION_DESTINATION_IP: [16389, 'hash of the address the sender sends to', 'RFC 7296 §2.23'],
  COOKIE: [16390, 'send the request again with this', 'RFC 7296 §2.6'],
  USE_TRANSPORT_MODE: [16391, 'transport mode in place of tunnel mode', 'RFC 7296 §1.3.1'],
  HTTP_CERT_LOOKUP_SUPPORTED: [16392, 'certificates may be given by URL', 'RFC 7296 §3.6'],
  REKEY_SA: [16393, 'the new Child SA takes the place of this one', 'RFC 7296 §1.3.3'],
  ESP_TFC_PADDING_NOT_SUPPORTED: [16394, 'no padding beyond what ESP needs', 'RFC 7296 §1.3.1'],
  NON_FIRST_FRAGMENTS_ALSO: [16395, 'later fragments go through the SA as well', 'RFC 7296 §1.3.1'],
  MOBIKE_SUPPORTED: [16396, 'addresses may change', 'RFC 4555 §3.1'],
  ADDITIONAL_IP4_ADDRESS: [16397, 'another address of the sender', 'RFC 4555 §3.4'],
  ADDITIONAL_IP6_ADDRESS: [16398, 'another address of the sender', 'RFC 4555 §3.4'],
  NO_ADDITIONAL_ADDRESSES: [16399, 'the sender has one address', 'RFC 4555 §3.6'],
  UPDATE_SA_ADDRESSES: [16400, 'the SA goes to these addresses from now on', 'RFC 4555 §3.5'],
  COOKIE2: [16401, 'to be sent back, which proves that the address is right', 'RFC 4555 §3.7'],
  NO_NATS_ALLOWED: [16402, 'addresses and ports as the sender sees them', 'RFC 4555 §3.9'],
  AUTH_LIFETIME: [16403, 'authenticate again within so many seconds', 'RFC 4478'],
  MULTIPLE_AUTH_SUPPORTED: [16404, 'several authentications one after the other', 'RFC 4739'],
  ANOTHER_AUTH_FOLLOWS: [16405, 'one more authentication comes', 'RFC 4739'],
  REDIRECT_SUPPORTED: [16406, 'the sender can be sent to another gateway', 'RFC 5685'],
  REDIRECT: [16407, 'go to this gateway', 'RFC 5685'],
  REDIRECTED_FROM: [16408, 'the gateway that sent the sender here', 'RFC 5685'],
  TICKET_LT_OPAQUE: [16409, 'a ticket and its lifetime', 'RFC 5723'],
  TICKET_REQUEST: [16410, 'a ticket is wanted', 'RFC 5723'],
  TICKET_ACK: [16411, 'a ticket will come', 'RFC 5723'],
  TICKET_NACK: [16412, 'no ticket will come', 'RFC 5723'],
  TICKET_OPAQUE: [16413, 'a ticket', 'RFC 5723'],
  LINK_ID: [16414, 'identity of a virtual link', 'RFC 5739'],
  USE_WESP_MODE: [16415, 'ESP in a wrapper that says what is inside', 'RFC 5840'],
  ROHC_SUPPORTED: [16416, 'headers may be compressed', 'RFC 5857'],
  EAP_ONLY_AUTHENTICATION: [16417, 'EAP is enough to know the responder', 'RFC 5998'],
  CHILDLESS_IKEV2_SUPPORTED: [16418, 'IKE_AUTH may go without a Child SA', 'RFC 6023 §3'],
  QUICK_CRASH_DETECTION: [16419, 'a token that proves a restart later', 'RFC 6290'],
  IKEV2_MESSAGE_ID_SYNC_SUPPORTED: [16420, 'message ids can be aligned after a failover', 'RFC 6311'],
  IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED: [16421, 'so can replay counters', 'RFC 6311'],
  IKEV2_MESSAGE_ID_SYNC: [16422, 'message ids from now on', 'RFC 6311'],
  IPSEC_REPLAY_COUNTER_SYNC: [16423, 'replay counters jump by this', 'RFC 6311'],
  SECURE_PASSWORD_METHODS: [16424, 'password methods the sender can do', 'RFC 6467'],
  PSK_PERSIST: [16425, 'the shared key is to be kept', 'RFC 6631'],
  PSK_CONFIRM: [16426, 'the shared key is kept', 'RFC 6631'],
  ERX_SUPPORTED: [16427, 'EAP re-authentication', 'RFC 6867'],
  IFOM_CAPABILITY: [16428, 'flows of Mobile IP', '3GPP TS 24.303'],
  GROUP_SENDER: [16429, 'the member wants to send to the group', 'RFC 9838'],
  IKEV2_FRAGMENTATION_SUPPORTED: [16430, 'messages may come as fragments', 'RFC 7383 §2.3'],
  SIGNATURE_HASH_ALGORITHMS: [16431, 'hashes the sender can check signatures with', 'RFC 7427 §4'],
  CLONE_IKE_SA_SUPPORTED: [16432, 'an IKE SA can be doubled', 'RFC 7791'],
  CLONE_IKE_SA: [16433, 'this IKE SA is one more, not a new one', 'RFC 7791'],
  PUZZLE: [16434, 'solve this first', 'RFC 8019 §8.1'],
  USE_PPK: [16435, 'a further pre-shared key for quantum safety', 'RFC 8784 §3'],
  PPK_IDENTITY: [16436, 'which such key', 'RFC 8784 §5.1'],
  NO_PPK_AUTH: [16437, 'authentication for a responder without that key', 'RFC 8784 §3'],
  INTERMEDIATE_EXCHANGE_SUPPORTED: [16438, 'IKE_INTERMEDIATE may be used', 'RFC 9242 §3.1'],
  IP4_ALLOWED: [16439, 'addresses of IPv4 can be given', 'RFC 8983'],
  IP6_ALLOWED: [16440, 'addresses of IPv6 can be given', 'RFC 8983'],
  ADDITIONAL_KEY_EXCHANGE: [16441, 'more key exchanges follow; links them to each other', 'RFC 9370 §2.2.4'],
  USE_AGGFRAG: [16442, 'packets are put together and cut for a steady flow', 'RFC 9347'],
  SUPPORTED_AUTH_METHODS: [16443, 'authentication methods the sender can check', 'RFC 9593'],
  SA_RESOURCE_INFO: [16444, 'which processor or queue the SA is for', 'RFC 9611'],
  USE_PPK_INT: [16445, 'such a key already in IKE_INTERMEDIATE', 'RFC 9867'],
  PPK_IDENTITY_KEY: [16446, 'which key, and a proof that the sender has it', 'RFC 9867'],
})

export function notifyName(type: number): string {
  return type < FIRST_STATUS ? notifyErrors.nameOf(type) : notifyStatuses.nameOf(type)
}

/** Errors end or refuse something; statuses only tell (RFC 7296 §3.10.1). */
export function isErrorNotify(type: number): boolean {
  return type < FIRST_STATUS
}
