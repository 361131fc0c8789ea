// Package hooklake verifies what Hooklake sends, with Go's standard library alone; give every function the body as it came.
package hooklake

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// VerifyHPE is HPE's way: a signature over the body; either header may match either secret.
func VerifyHPE(secrets []string, headers http.Header, body []byte) bool {
	for _, secret := range secrets {
		expected := []byte("sha256=" + hex.EncodeToString(digest(secret, body)))
		for _, name := range []string{"HPE-Webhook-Signature", "HPE-Webhook-Signature2"} {
			if hmac.Equal(expected, []byte(headers.Get(name))) {
				return true
			}
		}
	}
	return false
}

// VerifyStandard is the Standard Webhooks way: id and time are signed too, so that nobody can send it again later.
func VerifyStandard(secrets []string, headers http.Header, body []byte, tolerance time.Duration) bool {
	stamp := headers.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > tolerance {
		return false
	}
	message := append([]byte(headers.Get("webhook-id")+"."+stamp+"."), body...)
	for _, secret := range secrets {
		expected := []byte("v1," + base64.StdEncoding.EncodeToString(digest(secret, message)))
		for _, given := range strings.Fields(headers.Get("webhook-signature")) {
			if hmac.Equal(expected, []byte(given)) {
				return true
			}
		}
	}
	return false
}

// ChallengeAnswer is the body to answer a challenge with, status 200; nil for anything else, such as an event.
func ChallengeAnswer(secret string, body []byte) []byte {
	type question struct{ ChallengeRequest string }
	var event struct {
		Type, EventType string
		Data, Event     question
	}
	if json.Unmarshal(body, &event) != nil {
		return nil
	}
	if event.Type == "" { // in the content mode onap they are called so
		event.Type, event.Data = event.EventType, event.Event
	}
	if !strings.HasSuffix(event.Type, ".events.v1beta1.webhooks.verification") {
		return nil
	}
	proof := hex.EncodeToString(digest(secret, []byte(event.Data.ChallengeRequest)))
	answer, _ := json.Marshal(map[string]string{"verification": proof})
	return answer
}

func digest(secret string, message []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(message)
	return mac.Sum(nil)
}
