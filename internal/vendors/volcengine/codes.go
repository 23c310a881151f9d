package volcengine

// failures are the types of failure of a single call, and codes those of a whole request.
// Package volcengine's comment says where the vendor's pages are.
var (
	failures = []string{
		PhoneFormat, Duplicate, "ITEM_NOT_FOUND", "PARAM_NOT_JSON", "TTS_EMPTY_CONTENT", "DECRYPTION_ERROR", "RESOURCE_NOT_FOUND",
		"WRONG_RING_AGAIN_TIME", "TTS_PARAM_EMPTY", "NO_PERMISSION", "EXCEL_PARSE_FAIL", "RESOURCE_TYPE_MISMATCH",
		"FORBID_TIME_FORMAT_INVALID", "HANG_UP_SMS_CONFIG_CHECK_FAIL", "HANG_UP_SMS_PARAM_CHECK_FAIL",
		"手机号格式错误", // the example of SingleBatchAppend
	}
	codes = []string{
		"MissingParameter", "InvalidParameter", "IllegalArgument", "SystemError", "DownStreamError", "OperationDenied",
		"MissingAuthenticationToken", "MissingRequestInfo", "MissingSignature", "InvalidAuthorization", "InvalidCredential",
		"InvalidAccessKey", "InvalidClientTokenId", "InvalidSecretToken", "SignatureDoesNotMatch", "InvalidTimestamp",
		"AccessDenied", "LackPolicy", "LackProjectPolicy", "ServiceNotFound", "InvalidActionOrVersion", "FlowLimitExceeded",
		"AccountFlowLimitExceeded", "RequestLimitExceeded", "InternalError", "InternalServiceError", "InternalServiceTimeout",
		"UndefinedError", "FailToConnect", "ServiceUnavailableTemp",
	}
)

// Failures returns the types of failure of a single call that the vendor answers.
func Failures() []string { return failures }

// Codes returns the codes of a whole request that the vendor answers.
func Codes() []string { return codes }
