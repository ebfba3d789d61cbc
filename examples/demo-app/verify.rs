//! Verifies the identity JWT as any application could: ES256 under a key of the gate's JWKS; `iss` is the gate's
//! public URL, so that no other gate's token counts; `aud` is that URL's host[:port], so that no token made for another
//! site counts; and `exp` and `nbf`.

use crate::Failure;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The gate's published keys. A real application fetches them over https, keeps them, and asks again for a `kid` that
/// it does not know. When they cannot be had, nothing is known about the token.
pub(crate) async fn keys(gate: &str) -> Result<Value, Failure> {
    Ok(serde_json::from_str(&fetch(gate, "/vestibule/jwks.json").await?)?)
}

/// The claims, pretty-printed, when everything about the token is right.
pub(crate) fn verify(token: &str, gate: &str, jwks: &Value) -> Result<String, Failure> {
    let (signed, signature) = token.rsplit_once('.').ok_or("not a JWT")?;
    let (header, payload) = signed.split_once('.').ok_or("not a JWT")?;
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header)?)?;
    if header["alg"] != "ES256" {
        return Err("the algorithm is not ES256".into());
    }
    let key = jwks["keys"]
        .as_array()
        .and_then(|keys| keys.iter().find(|key| key["kid"] == header["kid"]))
        .ok_or("the gate publishes no such key")?;
    let mut point = vec![4];
    for coordinate in ["x", "y"] {
        point.extend(URL_SAFE_NO_PAD.decode(key[coordinate].as_str().ok_or("a malformed key")?)?);
    }
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature)?)
        .map_err(|_| "the signature is wrong")?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?;
    let now = u64::try_from(jiff::Timestamp::now().as_second())?;
    if claims["iss"] != gate {
        return Err("the issuer is somebody else".into());
    }
    if claims["aud"].as_str() != gate.split_once("://").map(|(_, authority)| authority) {
        return Err("it was made for another site".into());
    }
    if claims["exp"].as_u64().is_none_or(|end| end <= now)
        || claims["nbf"].as_u64().is_none_or(|start| start > now + 60)
    {
        return Err("it is too old or too new".into());
    }
    Ok(serde_json::to_string_pretty(&claims)?)
}

/// A GET over plain HTTP: enough for one document from a loopback address. (Envoy answers 426 to HTTP/1.0.)
async fn fetch(origin: &str, path: &str) -> Result<String, Failure> {
    let authority = origin
        .strip_prefix("http://")
        .ok_or("this example fetches keys over plain http only, on a loopback address")?;
    let mut stream = tokio::net::TcpStream::connect(authority).await?;
    stream
        .write_all(
            format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .await?;
    let mut answer = String::new();
    stream.take(64 * 1024).read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer from the gate")?;
    if head.split(' ').nth(1) != Some("200") {
        return Err("the gate did not hand out its keys".into());
    }
    Ok(body.to_owned())
}
