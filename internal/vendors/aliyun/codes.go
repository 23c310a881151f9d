package aliyun

// codes are the codes that the vendor answers. Package aliyun's comment says where its
// pages are.
var codes = []string{
	// The service's own.
	"isv.SMS_SIGNATURE_SCENE_ILLEGAL", "isv.SIGN_STATE_ILLEGAL", "isv.DOMESTIC_NUMBER_NOT_SUPPORTED", "isv.DENY_IP_RANGE",
	"isv.DAY_LIMIT_CONTROL", "isv.MONTH_LIMIT_CONTROL", "isv.SMS_CONTENT_ILLEGAL", "isv.SMS_SIGN_ILLEGAL",
	"isp.RAM_PERMISSION_DENY", "isv.OUT_OF_SERVICE", "isv.PRODUCT_UN_SUBSCRIPT", "isv.PRODUCT_UNSUBSCRIBE",
	"isv.ACCOUNT_NOT_EXISTS", "isv.ACCOUNT_ABNORMAL", "isv.SMS_TEMPLATE_ILLEGAL", "isv.SMS_SIGNATURE_ILLEGAL",
	"isv.INVALID_PARAMETERS", "isp.SYSTEM_ERROR", "isp.GATEWAY_ERROR", "isv.MOBILE_NUMBER_ILLEGAL",
	"isv.MOBILE_COUNT_OVER_LIMIT", "isv.TEMPLATE_MISSING_PARAMETERS", "isv.BUSINESS_LIMIT_CONTROL", "isv.INVALID_JSON_PARAM",
	"isv.BLACK_KEY_CONTROL_LIMIT", "isv.PARAM_LENGTH_LIMIT", "isv.PARAM_NOT_SUPPORT_URL", "isv.AMOUNT_NOT_ENOUGH",
	"isv.TEMPLATE_PARAMS_ILLEGAL", "isv.CUSTOMER_REFUSED", "isv.SECURITY_FROZEN_ACCOUNT", "isv.SMS_TEST_NUMBER_LIMIT",
	"isv.SMS_TEST_TEMPLATE_PARAMS_ILLEGAL", "isv.SMS_TEST_SIGN_TEMPLATE_LIMIT",
	"SignatureDoesNotMatch", "InvalidTimeStamp.Expired", "SignatureNonceUsed", "InvalidVersion", "InvalidAction.NotFound",
	// The gateway's.
	"MissingPhoneNumbers", "MissingSignName", "MissingTemplateCode", "InvalidAccessKeyId.NotFound", "InvalidAccessKeyId.Inactive",
	"IncompleteSignature", "InvalidParameter", "MissingParameter", "Forbidden", "Forbidden.RAM", "NoPermission",
	"Throttling", "Throttling.User", "Throttling.Api", "InternalError", "ServiceUnavailable",
}

// Codes returns the codes that the vendor answers.
func Codes() []string { return codes }
