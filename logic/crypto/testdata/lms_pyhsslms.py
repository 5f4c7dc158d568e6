# Makes lms_pyhsslms.txt, in the current directory: pip install pyhsslms==1.1.1
import sys, hashlib, random
import pyhsslms.pyhsslms as p
rng=random.Random(8554)
rb=lambda n: bytes(rng.randrange(256) for _ in range(n))
p.randBytes=rb
H=lambda *a: hashlib.sha256(b''.join(a)).digest()
trees={'h5':p.lms_sha256_m32_h5,'h10':p.lms_sha256_m32_h10,'h15':p.lms_sha256_m32_h15,'h20':p.lms_sha256_m32_h20,'h25':p.lms_sha256_m32_h25}
ots={'w1':p.lmots_sha256_n32_w1,'w2':p.lmots_sha256_n32_w2,'w4':p.lmots_sha256_n32_w4,'w8':p.lmots_sha256_n32_w8}
out=open('lms_pyhsslms.txt','w')
out.write("""# HSS/LMS signatures by pyhsslms 1.1.1 (its random numbers from a fixed seed): every width, several heights
# and numbers of levels. Where name says "path", the one-time signature is pyhsslms's and the tree above its
# leaf was made up with hashlib: random nodes beside the way to the root, which gives the root. Each was accepted
# by pyhsslms.
""")
u32=lambda x:x.to_bytes(4,'big')
def emit(name,pub,msg,sig):
    assert p.HssPublicKey.deserialize(pub).verify(msg,sig),name
    assert not p.HssPublicKey.deserialize(pub).verify(msg+b'x',sig),name
    out.write(f"\nname = {name}\npublic = {pub.hex()}\nmessage = {msg.hex()}\nsignature = {sig.hex()}\n")
for w in ('w1','w2','w4','w8'):
    k=p.HssPrivateKey(levels=1,lms_type=trees['h5'],lmots_type=ots[w],SEED=rb(32))
    pub=k.publicKey().serialize()
    for i in range(32):
        msg=rb(rng.randrange(0,200)); sig=k.sign(msg)
        if i in ((0,13,31) if w=='w8' else (17,)): emit(f"h5/{w} leaf {i}",pub,msg,sig)
k=p.HssPrivateKey(levels=1,lms_type=trees['h10'],lmots_type=ots['w4'],SEED=rb(32))
for i in range(3): msg=rb(32); sig=k.sign(msg)
emit("h10/w4 leaf 2",k.publicKey().serialize(),msg,sig)
k=p.HssPrivateKey(levels=3,lms_type=trees['h5'],lmots_type=ots['w8'],SEED=rb(32))
for i in range(35): msg=rb(60); sig=k.sign(msg)
emit("three levels h5/w8",k.publicKey().serialize(),msg,sig)
k=p.HssPrivateKey(levels=8,lms_type=trees['h5'],lmots_type=ots['w4'],SEED=rb(32))
msg=rb(60); sig=k.sign(msg)
emit("eight levels h5/w4",k.publicKey().serialize(),msg,sig)
for h,w in (('h15','w8'),('h20','w4'),('h25','w8'),('h25','w1')):
    height=int(h[1:]); leaf=rng.randrange(2**height)
    I=rb(16); S=I+u32(leaf)
    priv=p.LmotsPrivateKey(S=S,SEED=rb(32),lmots_type=ots[w])
    K=priv.publicKey().K
    msg=rb(32); y=priv.sign(msg)
    node=2**height+leaf; t=H(I,u32(node),b'\x82\x82',K); path=[]
    while node>1:
        s=rb(32); path.append(s)
        t = H(I,u32(node//2),b'\x83\x83',s,t) if node%2 else H(I,u32(node//2),b'\x83\x83',t,s)
        node//=2
    pub=u32(1)+trees[h]+ots[w]+I+t
    emit(f"path {h}/{w} leaf {leaf}",pub,msg,u32(0)+u32(leaf)+y+trees[h]+b''.join(path))
